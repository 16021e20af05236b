using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE2 integer arithmetic whose operands are pairs, alternate elements, complex numbers or an element of Zm.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>op Zdn, Pg/M, Zdn, Zm on pairs of elements.</summary>
    internal static StepResult SvePairwise<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<AlternatePairwiseLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>SADALP, UADALP (bit 16) Zda, Pg/M, Zn.</summary>
    internal static StepResult SveAddLongPairs(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL, Shift = 1 };
        LaneDispatch.Run<AddLongPairsLoop>(SizeField(w), (w >> 16 & 1) == 0, ref lanes);
        return StepResult.Next;
    }

    /// <summary>op Zda, Zn, Zm of the even (bottom) or, with bit 10 set, the odd (top) elements.</summary>
    internal static StepResult SveLongTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary =>
        c.CheckSve(out var trapped) ? c.Lengthen<LongTernaryLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: IsTop(w), topM: IsTop(w)) : trapped;

    /// <summary>op Zda, Zn, Zm of the even elements of Zn and the odd ones of Zm.</summary>
    internal static StepResult SveLongTernaryBottomTop<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary =>
        c.CheckSve(out var trapped) ? c.Lengthen<LongTernaryLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: false, topM: true) : trapped;

    /// <summary>op Zda, Zn, Zm[index] of the even or (bit 10) the odd elements of Zn.</summary>
    internal static StepResult SveLongIndexedTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatNarrowElement(w, SizeField(w), repeated);
        return c.Lengthen<LongTernaryLoop<TOp>>(w, TOp.Signed, repeated, topN: IsTop(w), topM: false);
    }

    /// <summary>op Zd, Zn, Zm[index] of the even or (bit 10) the odd elements of Zn.</summary>
    internal static StepResult SveLongIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatNarrowElement(w, SizeField(w), repeated);
        return c.Lengthen<LongLoop<TOp>>(w, TOp.Signed, repeated, topN: IsTop(w), topM: false);
    }

    /// <summary>CMLA, SQRDCMLAH Zda, Zn, Zm, #rot × 90.</summary>
    internal static StepResult SveComplexMultiplyAdd<TAdd, TSub>(Interpreter c, uint w)
        where TAdd : struct, IIntTernary
        where TSub : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL, Shift = Rotation(w) };
        LaneDispatch.Run<IntComplexMultiplyAddLoop<TAdd, TSub>>(SizeField(w), TAdd.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>CMLA, SQRDCMLAH Zda, Zn, Zm[index], #rot × 90: the index chooses a complex number in each 128-bit segment of Zm.</summary>
    internal static StepResult SveComplexMultiplyAddIndexed<TAdd, TSub>(Interpreter c, uint w)
        where TAdd : struct, IIntTernary
        where TSub : struct, IIntTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatGroup(w, repeated);
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = repeated, Bytes = c.VL, Shift = Rotation(w) };
        LaneDispatch.Run<IntComplexMultiplyAddLoop<TAdd, TSub>>(SizeField(w) - 1, TAdd.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>CDOT Zda, Zn, Zm, #rot × 90.</summary>
    internal static StepResult CDOT_z_zzz(Interpreter c, uint w) => c.CheckSve(out var trapped) ? c.ComplexDot(w, c.Z(Rm(w))) : trapped;

    /// <summary>CDOT Zda, Zn, Zm[index], #rot × 90: the index chooses two complex numbers in each 128-bit segment of Zm.</summary>
    internal static StepResult CDOT_z_zzzi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatGroup(w, repeated);
        return c.ComplexDot(w, repeated);
    }

    private StepResult ComplexDot(uint w, byte* m)
    {
        var lanes = new Lanes { D = Z(Rd(w)), N = Z(Rn(w)), M = m, Bytes = VL, Shift = Rotation(w) };
        LaneDispatch.Run<ComplexDotLoop>(SizeField(w), true, ref lanes);
        return StepResult.Next;
    }

    /// <summary>rot of the unpredicated complex encodings (11:10).</summary>
    private static int Rotation(uint w) => (int)(w >> 10) & 3;

    /// <summary>op Zd, Zn, Zm[index].</summary>
    internal static StepResult SveIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.RunIndexed<IndexedLoop<TOp>>(w, TOp.Signed) : trapped;

    /// <summary>op Zda, Zn, Zm[index].</summary>
    internal static StepResult SveIndexedTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary =>
        c.CheckSve(out var trapped) ? c.RunIndexed<IndexedTernaryLoop<TOp>>(w, TOp.Signed) : trapped;

    private StepResult RunIndexed<TLoop>(uint w, bool signed) where TLoop : struct, IIntLoop
    {
        // The low bit of a halfword's size field belongs to the index.
        var size = Math.Max(1, SizeField(w));
        var lanes = new Lanes { D = Z(Rd(w)), A = Z(Rd(w)), N = Z(Rn(w)), Bytes = VL };
        SetIndexedOperand(w, size, ref lanes);
        LaneDispatch.Run<TLoop>(size, signed, ref lanes);
        return StepResult.Next;
    }

    // Half: i3h (22), i3l (20:19), Zm (18:16). Single: i2 (20:19), Zm (18:16). Double: i1 (20), Zm (19:16).
    private void SetIndexedOperand(uint w, int size, ref Lanes lanes)
    {
        lanes.M = Z((w >> 16) & (size == 3 ? 0xFu : 7u));
        lanes.Shift = size switch
        {
            1 => (int)((w >> 22 & 1) << 2 | (w >> 19 & 3)),
            2 => (int)(w >> 19 & 3),
            _ => (int)(w >> 20 & 1),
        };
    }

    /// <summary>
    /// Fills a buffer with copies of the chosen element of each 128-bit segment of Zm, an element half as wide as <paramref name="size"/>.
    /// Halfwords: i3h (20:19), i3l (11), Zm (18:16). Words: i2h (20), i2l (11), Zm (19:16).
    /// </summary>
    private void RepeatNarrowElement(uint w, int size, byte* buffer)
    {
        var low = (int)(w >> 11) & 1;
        if (size == 3)
            Repeat<uint>(Z(w >> 16 & 15), ((int)(w >> 20 & 1) << 1) | low, buffer);
        else
            Repeat<ushort>(Z(w >> 16 & 7), ((int)(w >> 19 & 3) << 1) | low, buffer);
    }

    /// <summary>
    /// As <see cref="RepeatNarrowElement"/> with groups of elements that are 32 or 64 bits together. 32: i2 (20:19), Zm (18:16).
    /// 64, with the low bit of the size field set: i1 (20), Zm (19:16).
    /// </summary>
    private void RepeatGroup(uint w, byte* buffer)
    {
        if (SizeField(w) == 3)
            Repeat<ulong>(Z(w >> 16 & 15), (int)(w >> 20) & 1, buffer);
        else
            Repeat<uint>(Z(w >> 16 & 7), (int)(w >> 19) & 3, buffer);
    }

    private void Repeat<T>(byte* source, int index, byte* buffer) where T : unmanaged
    {
        for (var segment = 0; segment < VL; segment += 16)
            new Span<T>(buffer + segment, 16 / sizeof(T)).Fill(((T*)(source + segment))[index]);
    }
}
