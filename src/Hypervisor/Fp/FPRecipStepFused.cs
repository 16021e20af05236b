namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPRecipStepFused: 2 - op1 × op2, rounded once.</summary>
    public static ulong FPRecipStepFused<TFormat>(ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        StepFused<TFormat>(op1, op2, FPTwo<TFormat>(false), 0, ref context);

    /// <summary>FPRSqrtStepFused: (3 - op1 × op2) / 2, rounded once.</summary>
    public static ulong FPRSqrtStepFused<TFormat>(ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        StepFused<TFormat>(op1, op2, FPThree<TFormat>(false), -1, ref context);

    private static ulong StepFused<TFormat>(ulong op1, ulong op2, ulong constant, int scale, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        op1 = FPNeg<TFormat>(op1);
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        if (FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result))
            return result;

        var infinite = value1.Type == FPType.Infinity || value2.Type == FPType.Infinity;
        var zero = value1.Type == FPType.Zero || value2.Type == FPType.Zero;
        if (infinite && zero)
            return scale == 0 ? constant : FPOnePointFive<TFormat>(false);
        if (infinite)
            return FPInfinity<TFormat>(value1.Sign != value2.Sign);
        return FusedSum<TFormat>(FPUnpack<TFormat>(constant, ref context), value1, value2, scale, ref context);
    }
}
