using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPAdd: op1 + op2.</summary>
    public static ulong FPAdd<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (HostFloat.TryAdd<TFormat>(op1, op2, context, out var fast))
            return fast;
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        return FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result)
            ? result
            : AddUnpacked<TFormat>(value1, value2, ref context);
    }

    /// <summary>FPSub: op1 - op2. The sign of a NaN operand is kept.</summary>
    public static ulong FPSub<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (HostFloat.TrySub<TFormat>(op1, op2, context, out var fast))
            return fast;
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        return FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result)
            ? result
            : AddUnpacked<TFormat>(value1, value2 with { Sign = !value2.Sign }, ref context);
    }

    private static ulong AddUnpacked<TFormat>(in Unpacked value1, in Unpacked value2, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        if (value1.Type == FPType.Infinity || value2.Type == FPType.Infinity)
        {
            if (value1.Type == value2.Type && value1.Sign != value2.Sign)
            {
                context.Raise(FpContext.InvalidOp);
                return FPDefaultNaN<TFormat>();
            }

            return FPInfinity<TFormat>(value1.Type == FPType.Infinity ? value1.Sign : value2.Sign);
        }

        if (value1.Type == FPType.Zero && value2.Type == FPType.Zero)
            return FPZero<TFormat>(value1.Sign == value2.Sign ? value1.Sign : context.Rounding == FPRounding.NegInf);
        if (value1.Type == FPType.Zero)
            return FPRound<TFormat>(value2.Sign, value2.Exponent, value2.Significand, ref context);
        if (value2.Type == FPType.Zero)
            return FPRound<TFormat>(value1.Sign, value1.Exponent, value1.Significand, ref context);

        var swap = value2.Exponent > value1.Exponent
            || (value2.Exponent == value1.Exponent && value2.Significand > value1.Significand);
        var (large, small) = swap ? (value2, value1) : (value1, value2);

        // One spare bit on top for the carry; the significands have at least ten unused low bits for guard and sticky.
        var high = large.Significand >> 1;
        var low = ShiftRightJam(small.Significand >> 1, large.Exponent - small.Exponent);
        var sum = large.Sign == small.Sign ? high + low : high - low;
        if (sum == 0)
            return FPZero<TFormat>(context.Rounding == FPRounding.NegInf);
        var shift = BitOperations.LeadingZeroCount(sum);
        return FPRound<TFormat>(large.Sign, large.Exponent + 1 - shift, sum << shift, ref context);
    }
}
