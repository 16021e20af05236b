using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE integer arithmetic, logic and shifts: one method per operand layout, the operation is a type parameter.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>The three-bit governing predicate of most SVE encodings.</summary>
    private byte* Pg(uint w) => P((w >> 10) & 7);

    /// <summary>op Zdn, Pg/M, Zdn, Zm.</summary>
    internal static StepResult SveBinaryPredicated<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<BinaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zd, Zn, Zm.</summary>
    internal static StepResult SveBinary<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        LaneDispatch.Run<BinaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zd.D, Zn.D, Zm.D of encodings whose size field selects the operation.</summary>
    internal static StepResult SveBitwise<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        BinaryLoop<TOp>.Run<ulong>(ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zdn.D, Zdn.D, Zm.D, Zk.D.</summary>
    internal static StepResult SveBitwiseTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rd(w)), N = c.Z(Rm(w)), M = c.Z(Rn(w)), Bytes = c.VL };
        TernaryLoop<TOp>.Run<ulong>(ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zd, Pg/M, Zn.</summary>
    internal static StepResult SveUnary<TOp>(Interpreter c, uint w) where TOp : struct, IIntUnary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<UnaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>MLA, MLS: op Zda, Pg/M, Zn, Zm.</summary>
    internal static StepResult SveMultiplyAdd<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<TernaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>MAD, MSB: op Zdn, Pg/M, Zm, Za.</summary>
    internal static StepResult SveMultiplicand<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rn(w)), N = c.Z(Rd(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<TernaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zda, Zn, Zm (SVE2 accumulating forms).</summary>
    internal static StepResult SveTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        LaneDispatch.Run<TernaryLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zdn, Pg/M, Zdn, #shift toward the right. The element size is the highest set bit of tszh:tszl.</summary>
    internal static StepResult SveShiftRightPredicated<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift
    {
        var tsz = ((w >> 22 & 3) << 2) | (w >> 8 & 3);
        return c.SveShift<TOp>(w, tsz, (w >> 5) & 7, right: true, Rd(w), c.Pg(w));
    }

    /// <summary>op Zdn, Pg/M, Zdn, #shift toward the left.</summary>
    internal static StepResult SveShiftLeftPredicated<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift
    {
        var tsz = ((w >> 22 & 3) << 2) | (w >> 8 & 3);
        return c.SveShift<TOp>(w, tsz, (w >> 5) & 7, right: false, Rd(w), c.Pg(w));
    }

    /// <summary>op Zd, Zn, #shift toward the right.</summary>
    internal static StepResult SveShiftRight<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift
    {
        var tsz = ((w >> 22 & 3) << 2) | (w >> 19 & 3);
        return c.SveShift<TOp>(w, tsz, (w >> 16) & 7, right: true, Rn(w), null);
    }

    /// <summary>op Zd, Zn, #shift toward the left.</summary>
    internal static StepResult SveShiftLeft<TOp>(Interpreter c, uint w) where TOp : struct, IIntShift
    {
        var tsz = ((w >> 22 & 3) << 2) | (w >> 19 & 3);
        return c.SveShift<TOp>(w, tsz, (w >> 16) & 7, right: false, Rn(w), null);
    }

    private StepResult SveShift<TOp>(uint w, uint tsz, uint imm3, bool right, uint source, byte* pg) where TOp : struct, IIntShift
    {
        if (tsz == 0)
            return Undefined(w);
        if (!CheckSve(out var trapped))
            return trapped;
        var size = System.Numerics.BitOperations.Log2(tsz);
        var bits = 8 << size;
        var combined = (int)((tsz << 3) | imm3);
        var lanes = new Lanes
        {
            D = Z(Rd(w)),
            N = Z(source),
            Pg = pg,
            Bytes = VL,
            Shift = right ? (2 * bits) - combined : combined - bits,
        };
        LaneDispatch.Run<ShiftLoop<TOp>>(size, TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zdn, Pg/M, Zdn, Zm.D.</summary>
    internal static StepResult SveShiftWidePredicated<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.ShiftWide<TOp>(w, ref lanes);
    }

    /// <summary>op Zd, Zn, Zm.D.</summary>
    internal static StepResult SveShiftWide<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        return c.ShiftWide<TOp>(w, ref lanes);
    }

    private StepResult ShiftWide<TOp>(uint w, ref Lanes lanes) where TOp : struct, IIntBinary
    {
        // The destination may be the register of amounts, each of which serves several elements.
        var amounts = stackalloc byte[256];
        Buffer.MemoryCopy(lanes.M, amounts, 256, VL);
        lanes.M = amounts;
        LaneDispatch.Run<WideShiftLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zdn, Zdn, #imm8{, LSL #8}, the immediate unsigned.</summary>
    internal static StepResult SveImmediateUnsigned<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (ShiftsByteImmediate(w))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        ulong immediate = (w >> 5) & 0xFF;
        if ((w >> 13 & 1) != 0)
            immediate <<= 8;
        return c.SveImmediate<TOp>(w, immediate);
    }

    /// <summary>SQADD and SQSUB (bit 17) of an immediate, which is unsigned although the elements are signed.</summary>
    internal static StepResult SveImmediateSaturating(Interpreter c, uint w)
    {
        if (ShiftsByteImmediate(w))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        ulong immediate = (w >> 5) & 0xFF;
        if ((w >> 13 & 1) != 0)
            immediate <<= 8;
        if ((w >> 17 & 1) != 0)
            immediate = 0 - immediate;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), Bytes = c.VL, Immediate = immediate };
        LaneDispatch.Run<SaturatingOffsetLoop>(SizeField(w), true, ref lanes);
        return StepResult.Next;
    }

    /// <summary>The optional shift of an 8-bit immediate is UNALLOCATED for byte elements.</summary>
    private static bool ShiftsByteImmediate(uint w) => SizeField(w) == 0 && (w >> 13 & 1) != 0;

    /// <summary>op Zdn, Zdn, #imm8 without a shift, zero-extended (UMAX, UMIN).</summary>
    internal static StepResult SveImmediate8<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.SveImmediate<TOp>(w, (w >> 5) & 0xFF) : trapped;

    /// <summary>op Zdn, Zdn, #simm8 (SMAX, SMIN, MUL).</summary>
    internal static StepResult SveImmediateSigned<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.SveImmediate<TOp>(w, (ulong)(sbyte)(w >> 5)) : trapped;

    private StepResult SveImmediate<TOp>(uint w, ulong immediate) where TOp : struct, IIntBinary
    {
        var lanes = new Lanes { D = Z(Rd(w)), N = Z(Rd(w)), Bytes = VL, Immediate = immediate };
        LaneDispatch.Run<ImmediateLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zdn.D, Zdn.D, #bitmask.</summary>
    internal static StepResult SveBitmask<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!TryBitmask(w, out var mask))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), Bytes = c.VL, Immediate = mask };
        ImmediateLoop<TOp>.Run<ulong>(ref lanes);
        return StepResult.Next;
    }

    /// <summary>DUPM.</summary>
    internal static StepResult DUPM_z_i(Interpreter c, uint w)
    {
        if (!TryBitmask(w, out var mask))
            return c.Undefined(w);
        return c.CheckSve(out var trapped) ? c.Broadcast(Rd(w), 3, mask) : trapped;
    }

    /// <summary>DecodeBitMasks of the 13-bit immediate in bits 17:5, as 64 bits.</summary>
    private static bool TryBitmask(uint w, out ulong mask)
    {
        var n = (w >> 17) & 1;
        var immr = (int)(w >> 11) & 0x3F;
        var imms = (int)(w >> 5) & 0x3F;
        mask = 0;
        var selector = (n << 6) | (~(uint)imms & 0x3F);
        if (selector < 2)
            return false;
        var length = System.Numerics.BitOperations.Log2(selector);
        var width = 1 << length;
        var levels = width - 1;
        var ones = (imms & levels) + 1;
        if (ones == width)
            return false;
        var rotation = immr & levels;
        var element = (1ul << ones) - 1;
        if (rotation != 0)
            element = (element >> rotation) | (element << (width - rotation));
        if (width < 64)
            element &= (1ul << width) - 1;
        for (var i = 0; i < 64; i += width)
            mask |= element << i;
        return true;
    }

    /// <summary>Sets every element of Zn.</summary>
    private StepResult Broadcast(uint n, int size, ulong value)
    {
        var lanes = new Lanes { D = Z(n), Bytes = VL, Immediate = value };
        LaneDispatch.Run<FillLoop>(size, false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>MOVPRFX Zd, Zn; also a whole-register copy.</summary>
    internal static StepResult MOVPRFX_z_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        Buffer.MemoryCopy(c.Z(Rn(w)), c.Z(Rd(w)), 256, c.VL);
        return StepResult.Next;
    }

    /// <summary>MOVPRFX Zd, Pg/M or Pg/Z, Zn.</summary>
    internal static StepResult MOVPRFX_z_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var zeros = stackalloc byte[256];
        NativeMemory.Clear(zeros, 256);
        var merging = (w >> 16 & 1) != 0;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = merging ? c.Z(Rd(w)) : zeros, Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<SelectLoop>(SizeField(w), false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>XAR Zdn, Zdn, Zm, #shift: exclusive or, then rotate right.</summary>
    internal static StepResult XAR_z_zzi(Interpreter c, uint w)
    {
        var tsz = ((w >> 22 & 3) << 2) | (w >> 19 & 3);
        if (tsz == 0)
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = System.Numerics.BitOperations.Log2(tsz);
        var lanes = new Lanes
        {
            D = c.Z(Rd(w)),
            N = c.Z(Rd(w)),
            M = c.Z(Rn(w)),
            Bytes = c.VL,
            Shift = (16 << size) - (int)((tsz << 3) | (w >> 16 & 7)),
        };
        LaneDispatch.Run<XarLoop>(size, false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>SDOT, UDOT Zda, Zn, Zm: four products of quarter-width elements into each element.</summary>
    internal static StepResult SveDot<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL, Shift = -1 };
        return RunDot<TOp>(SizeField(w), ref lanes);
    }

    /// <summary>SDOT, UDOT Zda, Zn, Zm[index], the index counting within each 128-bit segment.</summary>
    internal static StepResult SveDotIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var wide = SizeField(w) == 3;
        var lanes = new Lanes
        {
            D = c.Z(Rd(w)),
            N = c.Z(Rn(w)),
            M = c.Z((w >> 16) & (wide ? 0xFu : 7u)),
            Bytes = c.VL,
            Shift = wide ? (int)(w >> 20 & 1) : (int)(w >> 19 & 3),
        };
        return RunDot<TOp>(SizeField(w), ref lanes);
    }

    private static StepResult RunDot<TOp>(int size, ref Lanes lanes) where TOp : struct, IDotProduct
    {
        if (size == 3)
            DotLoop<TOp>.Run<ulong>(ref lanes);
        else
            DotLoop<TOp>.Run<uint>(ref lanes);
        return StepResult.Next;
    }
}
