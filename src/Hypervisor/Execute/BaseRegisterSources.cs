using System.Buffers.Binary;
using System.Numerics;
using CloudVm.Hypervisor.Cpu;
using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Data processing (register) with 3, 2 and 1 sources, and flag manipulation.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult Madd<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.X(Ra(word)) + (c.X(Rn(word)) * c.X(Rm(word)))));
        return StepResult.Next;
    }

    internal static StepResult Msub<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(c.X(Ra(word)) - (c.X(Rn(word)) * c.X(Rm(word)))));
        return StepResult.Next;
    }

    internal static StepResult SMADDL_64WA_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), c.X(Ra(word)) + (ulong)((long)(int)c.W(Rn(word)) * (int)c.W(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult SMSUBL_64WA_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), c.X(Ra(word)) - (ulong)((long)(int)c.W(Rn(word)) * (int)c.W(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult UMADDL_64WA_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), c.X(Ra(word)) + ((ulong)c.W(Rn(word)) * c.W(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult UMSUBL_64WA_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), c.X(Ra(word)) - ((ulong)c.W(Rn(word)) * c.W(Rm(word))));
        return StepResult.Next;
    }

    internal static StepResult SMULH_64_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), (ulong)Math.BigMul((long)c.X(Rn(word)), (long)c.X(Rm(word)), out _));
        return StepResult.Next;
    }

    internal static StepResult UMULH_64_dp_3src(Interpreter c, uint word)
    {
        c.X(Rd(word), Math.BigMul(c.X(Rn(word)), c.X(Rm(word)), out _));
        return StepResult.Next;
    }

    /// <summary>Division by zero gives zero.</summary>
    internal static StepResult Udiv<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), UnsignedQuotient<T>(c.X(Rn(word)), c.X(Rm(word))));
        return StepResult.Next;
    }

    private static ulong UnsignedQuotient<T>(ulong dividend, ulong divisor)
    {
        divisor = Width.Truncate<T>(divisor);
        return divisor == 0 ? 0 : Width.Truncate<T>(dividend) / divisor;
    }

    /// <summary>Division by zero gives zero; the most negative value by -1 gives itself.</summary>
    internal static StepResult Sdiv<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), SignedQuotient<T>(c.X(Rn(word)), c.X(Rm(word))));
        return StepResult.Next;
    }

    private static ulong SignedQuotient<T>(ulong x, ulong y)
    {
        var dividend = SignExtend<T>(x);
        var divisor = SignExtend<T>(y);
        var quotient = divisor switch
        {
            0 => 0,
            -1 => 0 - dividend,
            _ => dividend / divisor,
        };
        return Width.Truncate<T>((ulong)quotient);
    }

    internal static StepResult Lslv<T>(Interpreter c, uint word) => c.VariableShift<T>(word, 0);

    internal static StepResult Lsrv<T>(Interpreter c, uint word) => c.VariableShift<T>(word, 1);

    internal static StepResult Asrv<T>(Interpreter c, uint word) => c.VariableShift<T>(word, 2);

    internal static StepResult Rorv<T>(Interpreter c, uint word) => c.VariableShift<T>(word, 3);

    internal static StepResult Crc32<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Checksum.Crc32(c.W(Rn(word)), c.X(Rm(word)), ElementBytes<T>()));
        return StepResult.Next;
    }

    internal static StepResult Crc32C<T>(Interpreter c, uint word)
    {
        var crc = c.W(Rn(word));
        var data = c.X(Rm(word));
        if (typeof(T) == typeof(byte))
            crc = BitOperations.Crc32C(crc, (byte)data);
        else if (typeof(T) == typeof(ushort))
            crc = BitOperations.Crc32C(crc, (ushort)data);
        else if (typeof(T) == typeof(uint))
            crc = BitOperations.Crc32C(crc, (uint)data);
        else
            crc = BitOperations.Crc32C(crc, data);
        c.X(Rd(word), crc);
        return StepResult.Next;
    }

    internal static StepResult Rbit<T>(Interpreter c, uint word)
    {
        var value = BinaryPrimitives.ReverseEndianness(c.X(Rn(word)));
        value = (value >> 4 & 0x0f0f_0f0f_0f0f_0f0f) | (value & 0x0f0f_0f0f_0f0f_0f0f) << 4;
        value = (value >> 2 & 0x3333_3333_3333_3333) | (value & 0x3333_3333_3333_3333) << 2;
        value = (value >> 1 & 0x5555_5555_5555_5555) | (value & 0x5555_5555_5555_5555) << 1;
        c.X(Rd(word), value >> (64 - Width.Bits<T>()));
        return StepResult.Next;
    }

    internal static StepResult Rev16<T>(Interpreter c, uint word)
    {
        var value = c.X(Rn(word));
        value = (value >> 8 & 0x00ff_00ff_00ff_00ff) | (value & 0x00ff_00ff_00ff_00ff) << 8;
        c.X(Rd(word), Width.Truncate<T>(value));
        return StepResult.Next;
    }

    internal static StepResult REV_32_dp_1src(Interpreter c, uint word)
    {
        c.X(Rd(word), BinaryPrimitives.ReverseEndianness(c.W(Rn(word))));
        return StepResult.Next;
    }

    internal static StepResult REV32_64_dp_1src(Interpreter c, uint word)
    {
        c.X(Rd(word), ulong.RotateLeft(BinaryPrimitives.ReverseEndianness(c.X(Rn(word))), 32));
        return StepResult.Next;
    }

    internal static StepResult REV_64_dp_1src(Interpreter c, uint word)
    {
        c.X(Rd(word), BinaryPrimitives.ReverseEndianness(c.X(Rn(word))));
        return StepResult.Next;
    }

    internal static StepResult Clz<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), (ulong)CountLeadingZeros<T>(c.X(Rn(word))));
        return StepResult.Next;
    }

    /// <summary>Leading bits equal to the sign bit, not counting it.</summary>
    internal static StepResult Cls<T>(Interpreter c, uint word)
    {
        var value = SignExtend<T>(c.X(Rn(word)));
        c.X(Rd(word), (ulong)CountLeadingZeros<T>((ulong)(value ^ (value >> 63))) - 1);
        return StepResult.Next;
    }

    internal static StepResult RMIF_only_rmif(Interpreter c, uint word)
    {
        var rotated = (uint)ulong.RotateRight(c.X(Rn(word)), (int)F.RMIF_only_rmif.imm6(word));
        var mask = F.RMIF_only_rmif.mask(word) << 28;
        c.Cpu->Nzcv = (c.Cpu->Nzcv & ~mask) | (rotated << 28 & mask);
        return StepResult.Next;
    }

    internal static StepResult SETF8_only_setf(Interpreter c, uint word) => c.SetFlagsFrom(c.W(Rn(word)), 8);

    internal static StepResult SETF16_only_setf(Interpreter c, uint word) => c.SetFlagsFrom(c.W(Rn(word)), 16);

    /// <summary>N, Z and V from a narrow result held with one bit more; C is kept.</summary>
    private StepResult SetFlagsFrom(uint value, int bits)
    {
        var sign = value >> (bits - 1) & 1;
        var overflow = sign ^ (value >> bits & 1);
        var zero = value << (32 - bits) == 0 ? PState.Z : 0;
        Cpu->Nzcv = (Cpu->Nzcv & PState.C) | sign << 31 | zero | overflow << 28;
        return StepResult.Next;
    }

    private StepResult VariableShift<T>(uint word, uint type)
    {
        var amount = (int)X(Rm(word)) & (Width.Bits<T>() - 1);
        X(Rd(word), Width.Shift<T>(X(Rn(word)), type, amount));
        return StepResult.Next;
    }

    private static long SignExtend<T>(ulong value) => typeof(T) == typeof(uint) ? (int)value : (long)value;

    private static int CountLeadingZeros<T>(ulong value) =>
        typeof(T) == typeof(uint) ? BitOperations.LeadingZeroCount((uint)value) : BitOperations.LeadingZeroCount(value);

    private static int ElementBytes<T>() =>
        typeof(T) == typeof(byte) ? 1 : typeof(T) == typeof(ushort) ? 2 : typeof(T) == typeof(uint) ? 4 : 8;
}
