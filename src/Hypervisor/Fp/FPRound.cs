using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPRound with FPCR's rounding mode.</summary>
    internal static ulong FPRound<TFormat>(bool sign, int exponent, ulong significand, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPRound<TFormat>(sign, exponent, significand, ref context, context.Rounding);

    /// <summary>FPRound of (-1)^sign × significand × 2^(exponent-63); bit 63 of the significand is set, bit 0 may be sticky.</summary>
    internal static ulong FPRound<TFormat>(
        bool sign, int exponent, ulong significand, ref FpContext context, FPRounding rounding)
        where TFormat : struct, IFpFormat =>
        FPRoundBase<TFormat>(sign, exponent, significand, ref context, rounding, context.Flushes<TFormat>(), false);

    /// <summary>FPRoundCV: as conversions write their result; FZ16 does not apply, FPCR.AHP does.</summary>
    internal static ulong FPRoundCV<TFormat>(
        bool sign, int exponent, ulong significand, ref FpContext context, FPRounding rounding)
        where TFormat : struct, IFpFormat =>
        FPRoundBase<TFormat>(
            sign,
            exponent,
            significand,
            ref context,
            rounding,
            TFormat.Width != 16 && context.FlushToZero,
            TFormat.Width == 16 && context.AlternativeHalf);

    private static ulong FPRoundBase<TFormat>(
        bool sign,
        int exponent,
        ulong significand,
        ref FpContext context,
        FPRounding rounding,
        bool flush,
        bool alternativeHalf)
        where TFormat : struct, IFpFormat
    {
        var minimum = MinimumExponent<TFormat>();
        if (flush && exponent < minimum)
        {
            // The architecture raises UFC alone here: a flushed result counts as neither inexact nor rounded.
            context.Raise(FpContext.Underflow);
            return FPZero<TFormat>(sign);
        }

        var biased = Math.Max(exponent - minimum + 1, 0);
        var drop = 63 - TFormat.FractionBits + (biased == 0 ? minimum - exponent : 0);
        var mantissa = SplitAt(significand, drop, out var error);

        // Tininess is detected before rounding.
        if (biased == 0 && error != 0)
            context.Raise(FpContext.Underflow);

        if (RoundsUp(sign, mantissa, error, rounding))
            mantissa++;
        if (rounding == FPRounding.Odd && error != 0)
            mantissa |= 1;

        if (biased == 0 && mantissa == 1ul << TFormat.FractionBits)
            biased = 1;
        if (mantissa == 1ul << (TFormat.FractionBits + 1))
        {
            biased++;
            mantissa >>= 1;
        }

        ulong result;
        if (alternativeHalf)
        {
            if (biased > MaxBiasedExponent<TFormat>())
            {
                context.Raise(FpContext.InvalidOp);
                return FPZero<TFormat>(sign) | (SignBit<TFormat>() - 1);
            }

            result = Pack<TFormat>(sign, biased, mantissa);
        }
        else if (biased >= MaxBiasedExponent<TFormat>())
        {
            context.Raise(FpContext.Overflow | FpContext.Inexact);
            return OverflowsToInfinity(sign, rounding) ? FPInfinity<TFormat>(sign) : FPMaxNormal<TFormat>(sign);
        }
        else
        {
            result = Pack<TFormat>(sign, biased, mantissa);
        }

        if (error != 0)
            context.Raise(FpContext.Inexact);
        return result;
    }

    private static ulong Pack<TFormat>(bool sign, int biased, ulong mantissa) where TFormat : struct, IFpFormat =>
        FPZero<TFormat>(sign) | ((ulong)biased << TFormat.FractionBits) | (mantissa & FractionMask<TFormat>());

    /// <summary>Integer part of value / 2^drop (drop at least 1); error is the rest, as a fraction of 2^64 with a sticky low bit.</summary>
    internal static ulong SplitAt(ulong value, int drop, out ulong error)
    {
        if (drop < 64)
        {
            error = value << (64 - drop);
            return value >> drop;
        }

        error = drop == 64 ? value : ShiftRightJam(value, drop - 64);
        return 0;
    }

    /// <summary>Whether rounding takes an integer part with the given error away from zero.</summary>
    internal static bool RoundsUp(bool sign, ulong mantissa, ulong error, FPRounding rounding)
    {
        const ulong Half = 1ul << 63;
        return rounding switch
        {
            FPRounding.TieEven => error > Half || (error == Half && (mantissa & 1) != 0),
            FPRounding.TieAway => error >= Half,
            FPRounding.PosInf => error != 0 && !sign,
            FPRounding.NegInf => error != 0 && sign,
            _ => false,
        };
    }

    private static bool OverflowsToInfinity(bool sign, FPRounding rounding) => rounding switch
    {
        FPRounding.TieEven or FPRounding.TieAway => true,
        FPRounding.PosInf => !sign,
        FPRounding.NegInf => sign,
        _ => false,
    };

    /// <summary>value >> count where lost bits are kept as a sticky bit 0.</summary>
    internal static ulong ShiftRightJam(ulong value, int count)
    {
        if (count <= 0)
            return value;
        if (count >= 64)
            return value != 0 ? 1ul : 0;
        return (value >> count) | ((value << (64 - count)) != 0 ? 1ul : 0);
    }

    /// <summary>Normalises a non-zero 128-bit magnitude with weight 2^(exponent-127) at bit 0 to 64 bits with a sticky bit, and rounds it.</summary>
    internal static ulong RoundWide<TFormat>(bool sign, int exponent, UInt128 magnitude, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var high = (ulong)(magnitude >> 64);
        var shift = high != 0 ? BitOperations.LeadingZeroCount(high) : 64 + BitOperations.LeadingZeroCount((ulong)magnitude);
        magnitude <<= shift;
        var significand = (ulong)(magnitude >> 64) | ((ulong)magnitude != 0 ? 1ul : 0);
        return FPRound<TFormat>(sign, exponent - shift, significand, ref context);
    }
}
