using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE floating point. Only active elements are computed, so that the others raise no flags.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>op Zdn, Pg/M, Zdn, Zm.</summary>
    internal static StepResult SveFpBinaryPredicated<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.RunFp<FpBinaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>op Zd, Zn, Zm.</summary>
    internal static StepResult SveFpBinary<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        return c.RunFp<FpBinaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>op Zdn, Pg/M, Zdn, Zm on pairs of elements.</summary>
    internal static StepResult SveFpPairwise<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.RunFp<FpAlternatePairwiseLoop<TOp>>(w, ref lanes);
    }

    /// <summary>op Zd, Pg/M, Zn.</summary>
    internal static StepResult SveFpUnary<TOp>(Interpreter c, uint w) where TOp : struct, IFpUnary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.RunFp<FpUnaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>op Zd, Zn.</summary>
    internal static StepResult SveFpUnaryUnpredicated<TOp>(Interpreter c, uint w) where TOp : struct, IFpUnary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Bytes = c.VL };
        return c.RunFp<FpUnaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>FMLA and relatives: op Zda, Pg/M, Zn, Zm.</summary>
    internal static StepResult SveFpMultiplyAdd<TOp>(Interpreter c, uint w) where TOp : struct, IFpTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.RunFp<FpTernaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>FMAD and relatives: op Zdn, Pg/M, Zm, Za, with Za in bits 20:16.</summary>
    internal static StepResult SveFpMultiplicand<TOp>(Interpreter c, uint w) where TOp : struct, IFpTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), A = c.Z(Rm(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        return c.RunFp<FpTernaryLoop<TOp>>(w, ref lanes);
    }

    /// <summary>FMUL Zd, Zn, Zm[index].</summary>
    internal static StepResult SveFpIndexed<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Bytes = c.VL };
        c.SetIndexedOperand(w, FormatSize<TFormat>(), ref lanes);
        var context = c.BeginFp();
        FpIndexedLoop<TOp>.Run<TFormat>(ref lanes, ref context);
        c.EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FMLA, FMLS Zda, Zn, Zm[index].</summary>
    internal static StepResult SveFpIndexedMultiplyAdd<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpTernary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Bytes = c.VL };
        c.SetIndexedOperand(w, FormatSize<TFormat>(), ref lanes);
        var context = c.BeginFp();
        FpIndexedTernaryLoop<TOp>.Run<TFormat>(ref lanes, ref context);
        c.EndFp(context);
        return StepResult.Next;
    }

    /// <summary>op Zdn, Pg/M, Zdn, #0.5 or #1.0 (FADD, FSUB, FSUBR).</summary>
    internal static StepResult SveFpImmediateHalfOne<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        c.SveFpImmediate<TOp>(w, 0x60, 0x70);

    /// <summary>op Zdn, Pg/M, Zdn, #0.5 or #2.0 (FMUL).</summary>
    internal static StepResult SveFpImmediateHalfTwo<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        c.SveFpImmediate<TOp>(w, 0x60, 0x00);

    /// <summary>op Zdn, Pg/M, Zdn, #0.0 or #1.0 (FMAX, FMIN and the NM forms).</summary>
    internal static StepResult SveFpImmediateZeroOne<TOp>(Interpreter c, uint w) where TOp : struct, IFpBinary =>
        c.SveFpImmediate<TOp>(w, null, 0x70);

    // The constants are given as 8-bit immediates; null is zero, which those cannot express.
    private StepResult SveFpImmediate<TOp>(uint w, uint? ifClear, uint ifSet) where TOp : struct, IFpBinary
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var imm8 = (w >> 5 & 1) != 0 ? ifSet : ifClear;
        var lanes = new Lanes
        {
            D = Z(Rd(w)),
            N = Z(Rd(w)),
            Pg = Pg(w),
            Bytes = VL,
            Immediate = imm8 is { } value ? ExpandImm(SizeField(w), value) : 0,
        };
        return RunFp<FpImmediateLoop<TOp>>(w, ref lanes);
    }

    private StepResult RunFp<TLoop>(uint w, ref Lanes lanes) where TLoop : struct, IFpLoop
    {
        var context = BeginFp();
        LaneDispatch.RunFp<TLoop>(SizeField(w), ref lanes, ref context);
        EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FCMcc Pd, Pg/Z, Zn, Zm.</summary>
    internal static StepResult SveFpCompare<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.CheckSve(out var trapped) ? c.FpCompareToPredicate<TOp>(w, c.Z(Rm(w))) : trapped;

    /// <summary>FCMcc Pd, Pg/Z, Zn, #0.0.</summary>
    internal static StepResult SveFpCompareZero<TOp>(Interpreter c, uint w) where TOp : struct, IFpCompare =>
        c.CheckSve(out var trapped) ? c.FpCompareToPredicate<TOp>(w, null) : trapped;

    private StepResult FpCompareToPredicate<TOp>(uint w, byte* m) where TOp : struct, IFpCompare
    {
        Predicate result = default;
        var lanes = new Lanes { D = (byte*)result.Bits, N = Z(Rn(w)), M = m, Pg = Pg(w), Bytes = VL };
        RunFp<FpComparePredicateLoop<TOp>>(w, ref lanes);
        WritePredicate(w & 0xF, result);
        return StepResult.Next;
    }

    /// <summary>FCVT Zd, Pg/M, Zn. Elements sit in the low end of containers as wide as the wider format.</summary>
    internal static StepResult SveFpConvert<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvertFormat<SveRoundByMode, TFrom, TTo>(w);

    /// <summary>FCVTLT Zd, Pg/M, Zn: from the upper half of each container.</summary>
    internal static StepResult SveFpConvertFromTop<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvertFormat<SveRoundByMode, TFrom, TTo>(w, fromTop: true);

    /// <summary>FCVTNT Zd, Pg/M, Zn: into the upper half of each container, of which the lower stays.</summary>
    internal static StepResult SveFpConvertToTop<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvertFormat<SveRoundByMode, TFrom, TTo>(w, toTop: true);

    /// <summary>FCVTX Zd.S, Pg/M, Zn.D: rounds to odd.</summary>
    internal static StepResult FCVTX_z_p_z_d2s(Interpreter c, uint w) => c.SveConvertFormat<SveRoundToOdd, Binary64, Binary32>(w);

    /// <summary>FCVTXNT Zd.S, Pg/M, Zn.D.</summary>
    internal static StepResult FCVTXNT_z_p_z_d2s(Interpreter c, uint w) => c.SveConvertFormat<SveRoundToOdd, Binary64, Binary32>(w, toTop: true);

    internal static StepResult SveFcvtzs<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvert<SveToSigned, TFrom, TTo>(w, c.BeginFp());

    internal static StepResult SveFcvtzu<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvert<SveToUnsigned, TFrom, TTo>(w, c.BeginFp());

    internal static StepResult SveScvtf<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvert<SveFromSigned, TFrom, TTo>(w, c.BeginFp());

    internal static StepResult SveUcvtf<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        c.SveConvert<SveFromUnsigned, TFrom, TTo>(w, c.BeginFp());

    /// <summary>FPConvertSVE: SVE conversions have no alternative half-precision format.</summary>
    private StepResult SveConvertFormat<TConversion, TFrom, TTo>(uint w, bool fromTop = false, bool toTop = false)
        where TConversion : struct, ISveConversion
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        SveConvert<TConversion, TFrom, TTo>(w, new FpContext(Cpu->Fpcr & ~FpContext.AlternativeHalfBit, Cpu->Fpsr), fromTop, toTop);

    // Integers have the width of a format.
    private StepResult SveConvert<TConversion, TFrom, TTo>(uint w, FpContext context, bool fromTop = false, bool toTop = false)
        where TConversion : struct, ISveConversion
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var step = Math.Max(TFrom.Width, TTo.Width) / 8;
        var pg = Pg(w);
        for (var i = 0; i < VL; i += step)
        {
            if (!IsActive(pg, i))
                continue;
            var result = TConversion.Convert<TFrom, TTo>(LoadElement<TFrom>(Z(Rn(w)) + i, fromTop ? 1 : 0), ref context);
            if (toTop)
                StoreElement<TTo>(Z(Rd(w)) + i, 1, result);
            else
                WriteContainer(Z(Rd(w)) + i, step, result);
        }

        EndFp(context);
        return StepResult.Next;
    }

    private static void WriteContainer(byte* at, int bytes, ulong value)
    {
        if (bytes == 8)
            *(ulong*)at = value;
        else if (bytes == 4)
            *(uint*)at = (uint)value;
        else
            *(ushort*)at = (ushort)value;
    }

    /// <summary>FLOGB Zd, Pg/M, Zn: the size field is in bits 18:17.</summary>
    internal static StepResult FLOGB_z_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        var context = c.BeginFp();
        LaneDispatch.RunFp<FpUnaryLoop<FLogB>>((int)(w >> 17) & 3, ref lanes, ref context);
        c.EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FTMAD Zdn, Zdn, Zm, #imm3 (bits 18:16).</summary>
    internal static StepResult FTMAD_z_zzi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Bytes = c.VL, Shift = (int)(w >> 16) & 7 };
        return c.RunFp<FpTrigMultiplyAddLoop>(w, ref lanes);
    }

    /// <summary>FCADD Zdn, Pg/M, Zdn, Zm, #90 or #270 (rot, bit 16).</summary>
    internal static StepResult FCADD_z_p_zz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL, Shift = (int)(w >> 16) & 1 };
        return c.RunFp<FpComplexAddLoop>(w, ref lanes);
    }

    /// <summary>FCMLA Zda, Pg/M, Zn, Zm, #rot × 90.</summary>
    internal static StepResult FCMLA_z_p_zzz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL, Shift = (int)(w >> 13) & 3 };
        return c.RunFp<FpComplexMultiplyAddLoop>(w, ref lanes);
    }

    /// <summary>FCMLA Zda, Zn, Zm[index], #rot × 90: the index chooses a complex number in each 128-bit segment of Zm.</summary>
    internal static StepResult SveFcmlaIndexed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatGroup(w, repeated);
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = repeated, Bytes = c.VL, Shift = Rotation(w) };
        var context = c.BeginFp();
        FpComplexMultiplyAddLoop.Run<TFormat>(ref lanes, ref context);
        c.EndFp(context);
        return StepResult.Next;
    }
}
