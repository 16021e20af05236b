using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPRoundInt: to an integral value in the same format; exact makes a changed value raise IXC (FRINTX).</summary>
    public static ulong FPRoundInt<TFormat>(ulong op, FPRounding rounding, bool exact, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        if (value.Type == FPType.Infinity)
            return FPInfinity<TFormat>(value.Sign);
        if (value.Type == FPType.Zero)
            return FPZero<TFormat>(value.Sign);
        if (value.Exponent >= TFormat.FractionBits)
            return op;

        var integer = SplitAt(value.Significand, 63 - value.Exponent, out var error);
        if (RoundsUp(value.Sign, integer, error, rounding))
            integer++;
        if (exact && error != 0)
            context.Raise(FpContext.Inexact);
        if (integer == 0)
            return FPZero<TFormat>(value.Sign);
        var shift = BitOperations.LeadingZeroCount(integer);
        return FPRound<TFormat>(value.Sign, 63 - shift, integer << shift, ref context, FPRounding.Zero);
    }

    /// <summary>FPRoundIntN (FRINT32x, FRINT64x): a result outside the intsize-bit signed range is the most negative one, with IOC.</summary>
    public static ulong FPRoundIntN<TFormat>(ulong op, FPRounding rounding, int intsize, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.Type == FPType.Zero)
            return FPZero<TFormat>(value.Sign);
        if (value.IsNaN || value.Type == FPType.Infinity || value.Exponent >= intsize)
            return OutOfRange(ref context);

        ulong error = 0;
        var integer = value.Exponent == 63
            ? value.Significand
            : SplitAt(value.Significand, 63 - value.Exponent, out error);
        if (RoundsUp(value.Sign, integer, error, rounding))
            integer++;
        var limit = 1ul << (intsize - 1);
        if (value.Sign ? integer > limit : integer >= limit)
            return OutOfRange(ref context);
        if (error != 0)
            context.Raise(FpContext.Inexact);
        if (integer == 0)
            return FPZero<TFormat>(value.Sign);
        var shift = BitOperations.LeadingZeroCount(integer);
        return FPRound<TFormat>(value.Sign, 63 - shift, integer << shift, ref context, FPRounding.Zero);

        ulong OutOfRange(ref FpContext c)
        {
            c.Raise(FpContext.InvalidOp);
            return FPRound<TFormat>(true, intsize - 1, 1ul << 63, ref c, FPRounding.Zero);
        }
    }
}
