using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// AdvSIMD floating point. Single and double share encodings with sz in bit 22; half precision has encodings of its own,
/// whose bits 22:21 are 10 (three operands) or whose bits 22:19 are 1111 (two).
/// </summary>
public sealed unsafe partial class Interpreter
{
    private static int FpSize(uint w) => 2 + (int)((w >> 22) & 1);

    private StepResult RunAsimdFp<TLoop>(uint w, int size, ref Lanes lanes) where TLoop : struct, IFpLoop
    {
        var context = BeginFp();
        LaneDispatch.RunFp<TLoop>(size, ref lanes, ref context);
        EndFp(context);
        return FinishAsimd(w, lanes);
    }

    private StepResult AsimdFpLoop<TLoop>(uint w, int size, bool withZero) where TLoop : struct, IFpLoop
    {
        if (IsReserved(w, size))
            return Undefined(w);
        if (!CheckFp(out var trapped))
            return trapped;
        var lanes = AsimdLanes(w, size);
        if (withZero)
            lanes.M = null;
        return RunAsimdFp<TLoop>(w, size, ref lanes);
    }

    internal static StepResult AsimdFpBinary<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        c.AsimdFpLoop<FpBinaryLoop<TOp>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16Binary<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        c.AsimdFpLoop<FpBinaryLoop<TOp>>(w, 1, false);

    internal static StepResult AsimdFpTernary<TOp>(Interpreter c, uint w) where TOp : struct, IFpTernary =>
        c.AsimdFpLoop<FpTernaryLoop<TOp>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16Ternary<TOp>(Interpreter c, uint w) where TOp : struct, IFpTernary =>
        c.AsimdFpLoop<FpTernaryLoop<TOp>>(w, 1, false);

    internal static StepResult AsimdFpCompare<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.AsimdFpLoop<FpCompareMaskLoop<TOp>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16Compare<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.AsimdFpLoop<FpCompareMaskLoop<TOp>>(w, 1, false);

    internal static StepResult AsimdFpCompareZero<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.AsimdFpLoop<FpCompareMaskLoop<TOp>>(w, FpSize(w), true);

    internal static StepResult AsimdFp16CompareZero<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.AsimdFpLoop<FpCompareMaskLoop<TOp>>(w, 1, true);

    internal static StepResult AsimdFpUnary<TOp>(Interpreter c, uint w) where TOp : struct, IFpUnary =>
        c.AsimdFpLoop<FpUnaryLoop<TOp>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16Unary<TOp>(Interpreter c, uint w) where TOp : struct, IFpUnary =>
        c.AsimdFpLoop<FpUnaryLoop<TOp>>(w, 1, false);

    internal static StepResult AsimdFpToInteger<TConvert>(Interpreter c, uint w) where TConvert : struct, IFpToInteger =>
        c.AsimdFpLoop<FpToIntegerLoop<TConvert>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16ToInteger<TConvert>(Interpreter c, uint w) where TConvert : struct, IFpToInteger =>
        c.AsimdFpLoop<FpToIntegerLoop<TConvert>>(w, 1, false);

    internal static StepResult AsimdScvtf(Interpreter c, uint w) => c.AsimdFpLoop<IntegerToFpLoop<ConvertZS>>(w, FpSize(w), false);

    internal static StepResult AsimdUcvtf(Interpreter c, uint w) => c.AsimdFpLoop<IntegerToFpLoop<ConvertZU>>(w, FpSize(w), false);

    internal static StepResult AsimdFp16Scvtf(Interpreter c, uint w) => c.AsimdFpLoop<IntegerToFpLoop<ConvertZS>>(w, 1, false);

    internal static StepResult AsimdFp16Ucvtf(Interpreter c, uint w) => c.AsimdFpLoop<IntegerToFpLoop<ConvertZU>>(w, 1, false);

    /// <summary>URECPE, URSQRTE: 32-bit elements whatever the size field says.</summary>
    internal static StepResult AsimdUnary32<TOp>(Interpreter c, uint w) where TOp : struct, IIntUnary => AsimdUnaryOf<uint, TOp>(c, w);

    internal static StepResult AsimdFpPairwise<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary => c.FpPairs<TOp>(w, FpSize(w));

    internal static StepResult AsimdFp16Pairwise<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary => c.FpPairs<TOp>(w, 1);

    private StepResult FpPairs<TOp>(uint w, int size) where TOp : struct, IFpBinary
    {
        if (IsReserved(w, size))
            return Undefined(w);
        if (!CheckFp(out var trapped))
            return trapped;
        var result = stackalloc byte[16];
        var lanes = AsimdLanes(w, size);
        lanes.D = result;
        var context = BeginFp();
        LaneDispatch.RunFp<FpPairwiseLoop<TOp>>(size, ref lanes, ref context);
        EndFp(context);
        return FinishCopy(w, result, lanes);
    }

    /// <summary>FADDP Sd, Vn.2S and relatives.</summary>
    internal static StepResult AsisdFpPair<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        FpSize(w) == 3 ? c.FpPair<Binary64, TOp>(w) : c.FpPair<Binary32, TOp>(w);

    internal static StepResult AsisdFp16Pair<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary => c.FpPair<Binary16, TOp>(w);

    private StepResult FpPair<TFormat, TOp>(uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpBinary
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var n = Z(Rn(w));
        SetScalar<TFormat>(Rd(w), TOp.Apply<TFormat>(LoadElement<TFormat>(n, 0), LoadElement<TFormat>(n, 1), ref context));
        EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FMAXV and relatives over four singles.</summary>
    internal static StepResult AsimdFpAcross<TOp>(Interpreter c, uint w) where TOp : struct, IFpReduction => c.FpAcross<TOp>(w, 2);

    internal static StepResult AsimdFp16Across<TOp>(Interpreter c, uint w) where TOp : struct, IFpReduction => c.FpAcross<TOp>(w, 1);

    private StepResult FpAcross<TOp>(uint w, int size) where TOp : struct, IFpReduction
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var lanes = AsimdLanes(w, size);
        LaneDispatch.RunFp<FpReduceLoop<TOp>>(size, ref lanes, ref context);
        SetScalarElement(Rd(w), size, lanes.Immediate);
        EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FCVTL: to twice the width, from the lower or (Q) the upper half.</summary>
    internal static StepResult FCVTL_asimdmisc_L(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var n = stackalloc byte[8];
        *(ulong*)n = ((ulong*)c.Z(Rn(w)))[w >> 30 & 1];
        var d = c.Z(Rd(w));
        if (FpSize(w) == 3)
        {
            for (var i = 0; i < 2; i++)
                StoreElement<Binary64>(d, i, FPConvert<Binary32, Binary64>(LoadElement<Binary32>(n, i), ref context));
        }
        else
        {
            for (var i = 0; i < 4; i++)
                StoreElement<Binary32>(d, i, FPConvert<Binary16, Binary32>(LoadElement<Binary16>(n, i), ref context));
        }

        c.EndFp(context);
        c.ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    /// <summary>FCVTN: to half the width, into the lower or (Q) the upper half.</summary>
    internal static StepResult FCVTN_asimdmisc_N(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var result = stackalloc byte[8];
        var n = c.Z(Rn(w));
        if (FpSize(w) == 3)
        {
            for (var i = 0; i < 2; i++)
                StoreElement<Binary32>(result, i, FPConvert<Binary64, Binary32>(LoadElement<Binary64>(n, i), ref context));
        }
        else
        {
            for (var i = 0; i < 4; i++)
                StoreElement<Binary16>(result, i, FPConvert<Binary32, Binary16>(LoadElement<Binary32>(n, i), ref context));
        }

        c.EndFp(context);
        return c.FinishNarrow(w, result, default);
    }

    /// <summary>FCVTXN: double to single, rounding to odd.</summary>
    internal static StepResult FCVTXN_asimdmisc_N(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var result = stackalloc byte[8];
        var scalar = (w >> 28 & 1) != 0;
        *(ulong*)result = 0;
        for (var i = 0; i < (scalar ? 1 : 2); i++)
            StoreElement<Binary32>(result, i, FPConvert<Binary64, Binary32>(LoadElement<Binary64>(c.Z(Rn(w)), i), FPRounding.Odd, ref context));
        c.EndFp(context);
        if (!scalar)
            return c.FinishNarrow(w, result, default);
        c.SetScalar<Binary32>(Rd(w), *(uint*)result);
        return StepResult.Next;
    }

    /// <summary>FCADD Vd, Vn, Vm, #90 or #270 (bit 12).</summary>
    internal static StepResult FCADD_asimdsame2_C(Interpreter c, uint w)
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        lanes.Shift = (int)(w >> 12) & 1;
        return c.RunAsimdFp<FpComplexAddLoop>(w, SizeField(w), ref lanes);
    }

    /// <summary>FCMLA Vd, Vn, Vm, #rot × 90 (bits 12:11).</summary>
    internal static StepResult FCMLA_asimdsame2_C(Interpreter c, uint w)
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        lanes.Shift = (int)(w >> 11) & 3;
        return c.RunAsimdFp<FpComplexMultiplyAddLoop>(w, SizeField(w), ref lanes);
    }

    /// <summary>D = N as an integer of the same width.</summary>
    private readonly struct FpToIntegerLoop<TConvert> : IFpLoop where TConvert : struct, IFpToInteger
    {
        public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
        {
            for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i++)
            {
                var value = FPToFixed<TFormat>(
                    LoadElement<TFormat>(lanes.N, i), 0, TConvert.Unsigned, TConvert.Rounding, TFormat.Width, ref context);
                StoreElement<TFormat>(lanes.D, i, value);
            }
        }
    }

    /// <summary>D = N, an integer with the signedness of TSign, as floating point of the same width.</summary>
    private readonly struct IntegerToFpLoop<TSign> : IFpLoop where TSign : struct, IFpToInteger
    {
        public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
        {
            for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i++)
            {
                var value = LoadElement<TFormat>(lanes.N, i);
                if (!TSign.Unsigned)
                    value = (ulong)((long)(value << (64 - TFormat.Width)) >> (64 - TFormat.Width));
                StoreElement<TFormat>(lanes.D, i, FixedToFP<TFormat>(value, 0, TSign.Unsigned, context.Rounding, ref context));
            }
        }
    }
}
