using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD by element: H (bit 11), L (21) and M (20) are the index or, for wide elements, part of Rm.</summary>
public sealed unsafe partial class Interpreter
{
    private void DecodeElement(uint w, int size, out byte* m, out int index)
    {
        var h = (int)(w >> 11) & 1;
        var l = (int)(w >> 21) & 1;
        var bit20 = (int)(w >> 20) & 1;
        m = Z(size == 1 ? (w >> 16) & 0xF : Rm(w));
        index = size switch
        {
            1 => (h << 2) | (l << 1) | bit20,
            2 => (h << 1) | l,
            _ => h,
        };
    }

    /// <summary>op Vd, Vn, Vm[index].</summary>
    internal static StepResult AsimdIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        c.DecodeElement(w, SizeField(w), out lanes.M, out lanes.Shift);
        return c.RunAsimd<IndexedLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>MLA, MLS, SQRDMLAH and SQRDMLSH by element.</summary>
    internal static StepResult AsimdIndexedTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        c.DecodeElement(w, SizeField(w), out lanes.M, out lanes.Shift);
        return c.RunAsimd<IndexedTernaryLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    private Lanes LongIndexedLanes(uint w, byte* n, byte* m)
    {
        var lanes = LongLanes(w, n, m, wideN: false);
        DecodeElement(w, SizeField(w), out var source, out lanes.Shift);
        Buffer.MemoryCopy(source, m, 16, 16);
        return lanes;
    }

    /// <summary>SMULL and relatives by element.</summary>
    internal static StepResult AsimdLongIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        byte* n = stackalloc byte[16], m = stackalloc byte[16];
        var lanes = c.LongIndexedLanes(w, n, m);
        return c.RunAsimd<LongIndexedLoop<TOp>>(w, SizeField(w) + 1, TOp.Signed, ref lanes);
    }

    /// <summary>SMLAL and relatives by element.</summary>
    internal static StepResult AsimdLongIndexedTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        byte* n = stackalloc byte[16], m = stackalloc byte[16];
        var lanes = c.LongIndexedLanes(w, n, m);
        return c.RunAsimd<LongTernaryLoop<TOp>>(w, SizeField(w) + 1, TOp.Signed, ref lanes);
    }

    /// <summary>FMUL, FMULX by element of a format.</summary>
    internal static StepResult AsimdFpIndexed<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpBinary =>
        c.FpIndexed<TFormat, FpIndexedLoop<TOp>>(w);

    /// <summary>FMLA, FMLS by element of a format.</summary>
    internal static StepResult AsimdFpIndexedTernary<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpTernary =>
        c.FpIndexed<TFormat, FpIndexedTernaryLoop<TOp>>(w);

    private StepResult FpIndexed<TFormat, TLoop>(uint w)
        where TFormat : struct, IFpFormat
        where TLoop : struct, IFpLoop
    {
        var size = FormatSize<TFormat>();
        if (IsReserved(w, size))
            return Undefined(w);
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var lanes = AsimdLanes(w, size);
        DecodeElement(w, size, out lanes.M, out lanes.Shift);
        TLoop.Run<TFormat>(ref lanes, ref context);
        EndFp(context);
        return FinishAsimd(w, lanes);
    }

    /// <summary>SDOT, UDOT, USDOT Vd, Vn, Vm.</summary>
    internal static StepResult AsimdDot<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        lanes.Shift = -1;
        DotLoop<TOp>.Run<uint>(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    /// <summary>SDOT, UDOT, USDOT, SUDOT Vd, Vn, Vm.4B[index].</summary>
    internal static StepResult AsimdDotIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        c.DecodeElement(w, 2, out lanes.M, out lanes.Shift);
        DotLoop<TOp>.Run<uint>(ref lanes);
        return c.FinishAsimd(w, lanes);
    }
}
