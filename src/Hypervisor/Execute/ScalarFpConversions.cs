using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Scalar floating point: conversions to and from general-purpose registers.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult FpToInteger<TFormat, TConvert>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TConvert : struct, IFpToInteger =>
        c.FpToGeneral<TFormat, TConvert>(w, 0);

    internal static StepResult FCVTZS_fixed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpToGeneral<TFormat, ConvertZS>(w, FixedPointBits(w));

    internal static StepResult FCVTZU_fixed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpToGeneral<TFormat, ConvertZU>(w, FixedPointBits(w));

    internal static StepResult SCVTF<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.GeneralToFp<TFormat>(w, 0, unsigned: false);

    internal static StepResult UCVTF<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.GeneralToFp<TFormat>(w, 0, unsigned: true);

    internal static StepResult SCVTF_fixed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.GeneralToFp<TFormat>(w, FixedPointBits(w), unsigned: false);

    internal static StepResult UCVTF_fixed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.GeneralToFp<TFormat>(w, FixedPointBits(w), unsigned: true);

    private static int FixedPointBits(uint w) => 64 - (int)((w >> 10) & 0x3F);

    private StepResult FpToGeneral<TFormat, TConvert>(uint w, int fractionBits)
        where TFormat : struct, IFpFormat
        where TConvert : struct, IFpToInteger
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var width = w >> 31 != 0 ? 64 : 32;
        X(Rd(w), FPToFixed<TFormat>(Scalar<TFormat>(Rn(w)), fractionBits, TConvert.Unsigned, TConvert.Rounding, width, ref context));
        EndFp(context);
        return StepResult.Next;
    }

    private StepResult GeneralToFp<TFormat>(uint w, int fractionBits, bool unsigned) where TFormat : struct, IFpFormat
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var value = X(Rn(w));
        if (w >> 31 == 0)
            value = unsigned ? (uint)value : (ulong)(int)value;
        SetScalar<TFormat>(Rd(w), FixedToFP<TFormat>(value, fractionBits, unsigned, context.Rounding, ref context));
        EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FMOV_to_general<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.X(Rd(w), c.Scalar<TFormat>(Rn(w)));
        return StepResult.Next;
    }

    internal static StepResult FMOV_from_general<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.SetScalar<TFormat>(Rd(w), c.X(Rn(w)));
        return StepResult.Next;
    }

    /// <summary>FMOV Xd, Vn.D[1].</summary>
    internal static StepResult FMOV_64VX(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.X(Rd(w), ((ulong*)c.Z(Rn(w)))[1]);
        return StepResult.Next;
    }

    /// <summary>FMOV Vd.D[1], Xn: keeps the low half.</summary>
    internal static StepResult FMOV_V64I(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        ((ulong*)c.Z(Rd(w)))[1] = c.X(Rn(w));
        c.ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    internal static StepResult FJCVTZS(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        c.X(Rd(w), FPToFixedJS(c.Scalar<Binary64>(Rn(w)), out var exact, ref context));
        c.Cpu->Nzcv = exact ? 1u << 30 : 0;
        c.EndFp(context);
        return StepResult.Next;
    }
}
