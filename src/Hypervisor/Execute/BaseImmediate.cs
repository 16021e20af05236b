using System.Runtime.CompilerServices;
using static CloudVm.Hypervisor.Execute.Operands;
using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Data processing (immediate).</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult ADR_only_pcreladdr(Interpreter c, uint word)
    {
        c.X(Rd(word), c.Cpu->Pc + AdrOffset(word));
        return StepResult.Next;
    }

    internal static StepResult ADRP_only_pcreladdr(Interpreter c, uint word)
    {
        c.X(Rd(word), (c.Cpu->Pc & ~0xfffUL) + AdrpOffset(word));
        return StepResult.Next;
    }

    internal static StepResult AddImmediate<T>(Interpreter c, uint word)
    {
        c.XSp(Rd(word), Width.Truncate<T>(c.XSp(Rn(word)) + AddSubImmediate(word)));
        return StepResult.Next;
    }

    internal static StepResult AddsImmediate<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.XSp(Rn(word)), AddSubImmediate(word), 0, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult SubImmediate<T>(Interpreter c, uint word)
    {
        c.XSp(Rd(word), Width.Truncate<T>(c.XSp(Rn(word)) - AddSubImmediate(word)));
        return StepResult.Next;
    }

    internal static StepResult SubsImmediate<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.AddWithCarry<T>(c.XSp(Rn(word)), ~AddSubImmediate(word), 1, out c.Cpu->Nzcv));
        return StepResult.Next;
    }

    internal static StepResult LogicalImmediate<T, TOperation>(Interpreter c, uint word)
        where TOperation : struct, ILogicalOperation
    {
        var mask = BitMasks.Decode(word >> 10 & 0x1fff);
        if (mask == 0)
            return c.Undefined(word);
        var result = Width.Truncate<T>(TOperation.Apply(c.X(Rn(word)), mask));
        if (!TOperation.SetsFlags)
        {
            c.XSp(Rd(word), result);
            return StepResult.Next;
        }

        c.X(Rd(word), result);
        c.Cpu->Nzcv = LogicalFlags<T>(result);
        return StepResult.Next;
    }

    internal static StepResult MoveZero(Interpreter c, uint word)
    {
        c.X(Rd(word), MoveWideImmediate(word));
        return StepResult.Next;
    }

    internal static StepResult MoveNot<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Width.Truncate<T>(~MoveWideImmediate(word)));
        return StepResult.Next;
    }

    internal static StepResult MoveKeep<T>(Interpreter c, uint word)
    {
        var kept = c.X(Rd(word)) & ~(0xffffUL << MoveWideShift(word));
        c.X(Rd(word), Width.Truncate<T>(kept | MoveWideImmediate(word)));
        return StepResult.Next;
    }

    internal static StepResult SignedBitfield<T>(Interpreter c, uint word)
    {
        var rotate = BitfieldRotate(word);
        var top = Imm6(word);
        var source = c.X(Rn(word));

        // Bring bit imms to the top and shift it down arithmetically; that sign-extends source[top:0] or source[top:rotate].
        var signed = (long)(source << (63 - top));
        var result = top >= rotate
            ? signed >> (63 - top + rotate)
            : signed >> (63 - top) << (Width.Bits<T>() - rotate);
        c.X(Rd(word), Width.Truncate<T>((ulong)result));
        return StepResult.Next;
    }

    internal static StepResult UnsignedBitfield<T>(Interpreter c, uint word)
    {
        c.X(Rd(word), Bitfield.Of<T>(BitfieldRotate(word), Imm6(word)).Move(c.X(Rn(word))));
        return StepResult.Next;
    }

    internal static StepResult BitfieldInsert<T>(Interpreter c, uint word)
    {
        var field = Bitfield.Of<T>(BitfieldRotate(word), Imm6(word));
        c.X(Rd(word), Width.Truncate<T>((c.X(Rd(word)) & ~field.Mask) | field.Move(c.X(Rn(word)))));
        return StepResult.Next;
    }

    internal static StepResult EXTR_32_extract(Interpreter c, uint word)
    {
        var pair = (ulong)c.W(Rn(word)) << 32 | c.W(Rm(word));
        c.X(Rd(word), (uint)(pair >> Imm6(word)));
        return StepResult.Next;
    }

    internal static StepResult EXTR_64_extract(Interpreter c, uint word)
    {
        var shift = Imm6(word);
        var high = shift == 0 ? 0 : c.X(Rn(word)) << (64 - shift);
        c.X(Rd(word), high | (c.X(Rm(word)) >> shift));
        return StepResult.Next;
    }

    internal static ulong AdrOffset(uint word) => (ulong)((long)F.ADR_only_pcreladdr.immhi(word) * 4) + F.ADR_only_pcreladdr.immlo(word);

    internal static ulong AdrpOffset(uint word) => AdrOffset(word) << 12;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong AddSubImmediate(uint word) => (ulong)(word >> 10 & 0xfff) << ((word & 1u << 22) != 0 ? 12 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int MoveWideShift(uint word) => (int)(word >> 21 & 3) * 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong MoveWideImmediate(uint word) => (ulong)(word >> 5 & 0xffff) << MoveWideShift(word);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int BitfieldRotate(uint word) => (int)(word >> 16) & 63;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint LogicalFlags<T>(ulong result) =>
        typeof(T) == typeof(uint) ? Flags.Logical((uint)result) : Flags.Logical(result);
}
