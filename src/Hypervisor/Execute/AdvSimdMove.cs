using System.Numerics;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD copies, permutes, table lookups and modified immediates.</summary>
public sealed unsafe partial class Interpreter
{
    // imm5 (bits 20:16): its lowest set bit is the element size, the bits above are the index.
    private static int CopySize(uint w) => BitOperations.TrailingZeroCount((w >> 16) & 0x1F);

    private static int CopyIndex(uint w) => (int)((w >> 16) & 0x1F) >> (CopySize(w) + 1);

    private StepResult Replicate(uint w, int size, ulong value)
    {
        var bytes = VectorBytes(w, size);
        for (var i = 0; i < bytes >> size; i++)
            WriteElement(Z(Rd(w)), size, i, value);
        ZeroAbove(Rd(w), bytes);
        return StepResult.Next;
    }

    /// <summary>DUP Vd, Vn[index], and its scalar form.</summary>
    internal static StepResult AsimdDuplicateElement(Interpreter c, uint w)
    {
        var size = CopySize(w);
        if (size > 3 || IsReserved(w, size))
            return c.Undefined(w);
        return c.CheckFp(out var trapped) ? c.Replicate(w, size, ReadElement(c.Z(Rn(w)), size, CopyIndex(w))) : trapped;
    }

    internal static StepResult DUP_asimdins_DR_r(Interpreter c, uint w)
    {
        var size = CopySize(w);
        if (size > 3 || IsReserved(w, size))
            return c.Undefined(w);
        return c.CheckFp(out var trapped) ? c.Replicate(w, size, c.X(Rn(w))) : trapped;
    }

    /// <summary>INS Vd[index], Rn.</summary>
    internal static StepResult INS_asimdins_IR_r(Interpreter c, uint w)
    {
        var size = CopySize(w);
        if (size > 3)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        WriteElement(c.Z(Rd(w)), size, CopyIndex(w), c.X(Rn(w)));
        c.ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    /// <summary>INS Vd[index1], Vn[index2].</summary>
    internal static StepResult INS_asimdins_IV_v(Interpreter c, uint w)
    {
        var size = CopySize(w);
        if (size > 3)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var source = (int)((w >> 11) & 0xF) >> size;
        WriteElement(c.Z(Rd(w)), size, CopyIndex(w), ReadElement(c.Z(Rn(w)), size, source));
        c.ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    /// <summary>UMOV Rd, Vn[index]: the register's width (Q) must be the least that holds the element.</summary>
    internal static StepResult AsimdUmov(Interpreter c, uint w)
    {
        var size = CopySize(w);
        if (size > 3 || (size == 3) != ((w >> 30 & 1) != 0))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.X(Rd(w), ReadElement(c.Z(Rn(w)), size, CopyIndex(w)));
        return StepResult.Next;
    }

    /// <summary>SMOV Rd, Vn[index].</summary>
    internal static StepResult AsimdSmov(Interpreter c, uint w)
    {
        var size = CopySize(w);
        var wide = (w >> 30 & 1) != 0;
        if (size > (wide ? 2 : 1))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var value = SignExtend(ReadElement(c.Z(Rn(w)), size, CopyIndex(w)), size);
        c.X(Rd(w), wide ? value : (uint)value);
        return StepResult.Next;
    }

    /// <summary>EXT Vd, Vn, Vm, #position.</summary>
    internal static StepResult EXT_asimdext_only(Interpreter c, uint w)
    {
        var bytes = (w >> 30 & 1) != 0 ? 16 : 8;
        var position = (int)(w >> 11) & 0xF;
        if (position >= bytes)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var pair = stackalloc byte[32];
        Buffer.MemoryCopy(c.Z(Rn(w)), pair, 32, bytes);
        Buffer.MemoryCopy(c.Z(Rm(w)), pair + bytes, 16, bytes);
        Buffer.MemoryCopy(pair + position, c.Z(Rd(w)), 16, bytes);
        c.ZeroAbove(Rd(w), bytes);
        return StepResult.Next;
    }

    /// <summary>TBL and TBX (bit 12): a table of one to four registers (bits 14:13).</summary>
    internal static StepResult AsimdTable(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var bytes = (w >> 30 & 1) != 0 ? 16 : 8;
        var registers = (int)(w >> 13 & 3) + 1;
        var table = stackalloc byte[64];
        for (var r = 0; r < registers; r++)
            Buffer.MemoryCopy(c.Z((Rn(w) + (uint)r) & 31), table + (16 * r), 16, 16);
        var result = stackalloc byte[16];
        var keep = (w >> 12 & 1) != 0;
        for (var i = 0; i < bytes; i++)
        {
            var index = c.Z(Rm(w))[i];
            result[i] = index < 16 * registers ? table[index] : keep ? c.Z(Rd(w))[i] : (byte)0;
        }

        Buffer.MemoryCopy(result, c.Z(Rd(w)), 16, bytes);
        c.ZeroAbove(Rd(w), bytes);
        return StepResult.Next;
    }

    /// <summary>UZP, TRN, ZIP: bits 13:12 the kind (1, 2, 3), bit 14 which part.</summary>
    internal static StepResult AsimdPermute(Interpreter c, uint w)
    {
        var size = SizeField(w);
        if (IsReserved(w, size))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var bytes = (w >> 30 & 1) != 0 ? 16 : 8;
        var kind = (w >> 12 & 3) switch
        {
            1 => 1u,
            2 => 2u,
            _ => 0u,
        };
        Permute(c.Z(Rd(w)), c.Z(Rn(w)), c.Z(Rm(w)), size, bytes >> size, kind, (int)(w >> 14) & 1);
        c.ZeroAbove(Rd(w), bytes);
        return StepResult.Next;
    }

    /// <summary>MOVI, MVNI, FMOV (vector, immediate), and ORR, BIC of an immediate.</summary>
    internal static StepResult AsimdModifiedImmediate(Interpreter c, uint w)
    {
        var cmode = (w >> 12) & 0xF;
        var op = (w >> 29) & 1;
        var q = (w >> 30) & 1;
        if (cmode == 15 && op == 1 && q == 0)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var value = AdvSIMDExpandImm(op, cmode, (w >> 16 & 7) << 5 | (w >> 5 & 0x1F));
        var halves = (ulong*)c.Z(Rd(w));
        var accumulates = cmode < 12 && (cmode & 1) != 0;
        for (var i = 0; i <= q; i++)
        {
            halves[i] = accumulates
                ? (op == 0 ? halves[i] | value : halves[i] & ~value)
                : op == 1 && cmode < 14 ? ~value : value;
        }

        c.ZeroAbove(Rd(w), q == 0 ? 8 : 16);
        return StepResult.Next;
    }

    /// <summary>FMOV (vector, immediate) of half precision.</summary>
    internal static StepResult FMOV_asimdimm_H_h(Interpreter c, uint w) =>
        c.CheckFp(out var trapped)
            ? c.Replicate(w, 1, VFPExpandImm<Binary16>((w >> 16 & 7) << 5 | (w >> 5 & 0x1F)))
            : trapped;

    /// <summary>AdvSIMDExpandImm before the inversion of MVNI and BIC.</summary>
    private static ulong AdvSIMDExpandImm(uint op, uint cmode, uint imm8)
    {
        ulong value = imm8;
        switch (cmode >> 1)
        {
            case 0 or 1 or 2 or 3:
                return (value << (int)(8 * (cmode >> 1))) * 0x1_0000_0001;
            case 4 or 5:
                return (value << (int)(8 * ((cmode >> 1) - 4))) * 0x0001_0001_0001_0001;
            case 6:
                return ((cmode & 1) == 0 ? (value << 8) | 0xFF : (value << 16) | 0xFFFF) * 0x1_0000_0001;
            default:
                if (cmode == 15)
                    return op == 0 ? VFPExpandImm<Binary32>(imm8) * 0x1_0000_0001 : VFPExpandImm<Binary64>(imm8);
                if (op == 0)
                    return value * 0x0101_0101_0101_0101;
                ulong mask = 0;
                for (var i = 0; i < 8; i++)
                    mask |= (imm8 >> i & 1) != 0 ? 0xFFul << (8 * i) : 0;
                return mask;
        }
    }
}
