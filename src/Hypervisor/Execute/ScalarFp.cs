using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Scalar floating point: arithmetic, comparison, selection and moves.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult FpScalarUnary<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpUnary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        c.SetScalar<TFormat>(Rd(w), TOp.Apply<TFormat>(c.Scalar<TFormat>(Rn(w)), ref context));
        c.EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FpScalarBinary<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        c.SetScalar<TFormat>(Rd(w), TOp.Apply<TFormat>(c.Scalar<TFormat>(Rn(w)), c.Scalar<TFormat>(Rm(w)), ref context));
        c.EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FpScalarTernary<TFormat, TOp>(Interpreter c, uint w)
        where TFormat : struct, IFpFormat
        where TOp : struct, IFpTernary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var result = TOp.Apply<TFormat>(
            c.Scalar<TFormat>(Ra(w)), c.Scalar<TFormat>(Rn(w)), c.Scalar<TFormat>(Rm(w)), ref context);
        c.SetScalar<TFormat>(Rd(w), result);
        c.EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FpScalarConvert<TFrom, TTo>(Interpreter c, uint w)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        c.SetScalar<TTo>(Rd(w), FPConvert<TFrom, TTo>(c.Scalar<TFrom>(Rn(w)), ref context));
        c.EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FCMP<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpScalarCompare<TFormat>(w, c.Scalar<TFormat>(Rm(w)), signalNaNs: false);

    internal static StepResult FCMPE<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpScalarCompare<TFormat>(w, c.Scalar<TFormat>(Rm(w)), signalNaNs: true);

    internal static StepResult FCMPZero<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpScalarCompare<TFormat>(w, 0, signalNaNs: false);

    internal static StepResult FCMPEZero<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpScalarCompare<TFormat>(w, 0, signalNaNs: true);

    private StepResult FpScalarCompare<TFormat>(uint w, ulong op2, bool signalNaNs) where TFormat : struct, IFpFormat
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        Cpu->Nzcv = FPCompare<TFormat>(Scalar<TFormat>(Rn(w)), op2, signalNaNs, ref context);
        EndFp(context);
        return StepResult.Next;
    }

    internal static StepResult FCCMP<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpConditionalCompare<TFormat>(w, signalNaNs: false);

    internal static StepResult FCCMPE<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat =>
        c.FpConditionalCompare<TFormat>(w, signalNaNs: true);

    private StepResult FpConditionalCompare<TFormat>(uint w, bool signalNaNs) where TFormat : struct, IFpFormat
    {
        if (!CheckFp(out var trapped))
            return trapped;
        if (ConditionHolds((w >> 12) & 0xF))
            return FpScalarCompare<TFormat>(w, Scalar<TFormat>(Rm(w)), signalNaNs);
        Cpu->Nzcv = w << 28;
        return StepResult.Next;
    }

    internal static StepResult FCSEL<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.SetScalar<TFormat>(Rd(w), c.Scalar<TFormat>(c.ConditionHolds((w >> 12) & 0xF) ? Rn(w) : Rm(w)));
        return StepResult.Next;
    }

    internal static StepResult FMOV_floatimm<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        c.SetScalar<TFormat>(Rd(w), VFPExpandImm<TFormat>((w >> 13) & 0xFF));
        return StepResult.Next;
    }

    /// <summary>VFPExpandImm: an 8-bit immediate as ±(16..31)/16 × 2^(-3..4).</summary>
    internal static ulong VFPExpandImm<TFormat>(uint imm8) where TFormat : struct, IFpFormat
    {
        var exponentBits = TFormat.ExponentBits;
        ulong sign = imm8 >> 7;
        var top = (imm8 >> 6) & 1;
        var repeated = top != 0 ? (1ul << (exponentBits - 3)) - 1 : 0;
        var exponent = ((ulong)(top ^ 1) << (exponentBits - 1)) | (repeated << 2) | ((imm8 >> 4) & 3);
        var fraction = (ulong)(imm8 & 0xF) << (TFormat.FractionBits - 4);
        return (sign << (TFormat.Width - 1)) | (exponent << TFormat.FractionBits) | fraction;
    }
}
