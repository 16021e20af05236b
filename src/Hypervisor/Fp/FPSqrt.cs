namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPSqrt.</summary>
    public static ulong FPSqrt<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (HostFloat.TrySqrt<TFormat>(op, context, out var fast))
            return fast;
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        if (value.Type == FPType.Zero)
            return FPZero<TFormat>(value.Sign);
        if (value.Sign)
        {
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        if (value.Type == FPType.Infinity)
            return FPInfinity<TFormat>(false);

        // An even exponent leaves a root in [1, 2), with its leading bit at bit 63.
        var radicand = new UInt128(value.Significand, 0) >> (1 - (value.Exponent & 1));
        var root = IntegerSquareRoot(radicand, out var exact);
        return FPRound<TFormat>(false, value.Exponent >> 1, exact ? root : root | 1, ref context);
    }

    /// <summary>Floor of the square root of a number of at least 127 bits.</summary>
    private static ulong IntegerSquareRoot(UInt128 radicand, out bool exact)
    {
        var estimate = Math.Sqrt((double)radicand);
        var root = estimate >= 18446744073709551615.0 ? ulong.MaxValue : (ulong)estimate;

        // One Newton step takes the 53 bits of the estimate past 64; then it is off by one or two at most.
        var step = ((UInt128)root + (radicand / root)) >> 1;
        root = step > ulong.MaxValue ? ulong.MaxValue : (ulong)step;
        while ((UInt128)root * root > radicand)
            root--;
        while (root != ulong.MaxValue && (UInt128)(root + 1) * (root + 1) <= radicand)
            root++;
        exact = (UInt128)root * root == radicand;
        return root;
    }
}
