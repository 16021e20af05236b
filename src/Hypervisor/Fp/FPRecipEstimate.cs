namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>RecipEstimate: a is 256..511, standing for [0.5, 1); the result is 256..511 too, standing for [1, 2).</summary>
    internal static int RecipEstimate(int a)
    {
        var scaled = (a * 2) + 1;
        return ((1 << 19) / scaled + 1) >> 1;
    }

    /// <summary>FPRecipEstimate: 1/op to 8 bits.</summary>
    public static ulong FPRecipEstimate<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        var sign = value.Sign;
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        if (value.Type == FPType.Infinity)
            return FPZero<TFormat>(sign);
        if (value.Type == FPType.Zero)
        {
            context.Raise(FpContext.DivideByZero);
            return FPInfinity<TFormat>(sign);
        }

        // Below 2^(minimum - 2) the reciprocal is beyond the largest normal number.
        var minimum = MinimumExponent<TFormat>();
        if (value.Exponent < minimum - 2)
        {
            context.Raise(FpContext.Overflow | FpContext.Inexact);
            var toInfinity = context.Rounding switch
            {
                FPRounding.TieEven => true,
                FPRounding.PosInf => !sign,
                FPRounding.NegInf => sign,
                _ => false,
            };
            return toInfinity ? FPInfinity<TFormat>(sign) : FPMaxNormal<TFormat>(sign);
        }

        // The result would be denormal: 1/op lies below 2^minimum.
        if (context.Flushes<TFormat>() && value.Exponent >= -minimum)
        {
            context.Raise(FpContext.Underflow);
            return FPZero<TFormat>(sign);
        }

        var estimate = RecipEstimate((int)(value.Significand >> 55));

        // 1/(m × 2^e) with m in [1, 2) is (estimate / 256) × 2^(-1-e); the estimate is exact, so nothing rounds.
        var exponent = -1 - value.Exponent;
        var fraction = (ulong)(estimate & 0xFF) << (TFormat.FractionBits - 8);
        var biased = exponent - minimum + 1;
        if (biased > 0)
            return Pack<TFormat>(sign, biased, fraction);

        // At most two places below the normals (biased 0 or -1), where the low bits are simply cut off.
        var mantissa = (1ul << TFormat.FractionBits) | fraction;
        return Pack<TFormat>(sign, 0, mantissa >> (1 - biased));
    }

    /// <summary>UnsignedRecipEstimate (URECPE).</summary>
    public static uint UnsignedRecipEstimate(uint op) =>
        op >> 31 == 0 ? uint.MaxValue : (uint)RecipEstimate((int)(op >> 23)) << 23;

    /// <summary>FPRecpX: the exponent inverted, the fraction cleared.</summary>
    public static ulong FPRecpX<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        var biased = (ulong)((int)(op >> TFormat.FractionBits) & MaxBiasedExponent<TFormat>());
        var inverted = biased == 0
            ? (ulong)MaxBiasedExponent<TFormat>() - 1
            : ~biased & (ulong)MaxBiasedExponent<TFormat>();
        return FPZero<TFormat>(value.Sign) | (inverted << TFormat.FractionBits);
    }

    /// <summary>FPScale: op × 2^scale, the scale being a signed integer of the format's width.</summary>
    public static ulong FPScale<TFormat>(ulong op, ulong scale, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        if (value.Type == FPType.Zero)
            return FPZero<TFormat>(value.Sign);
        if (value.Type == FPType.Infinity)
            return FPInfinity<TFormat>(value.Sign);
        var signed = (long)(scale << (64 - TFormat.Width)) >> (64 - TFormat.Width);
        var distance = (int)Math.Clamp(signed, -10000, 10000);
        return FPRound<TFormat>(value.Sign, value.Exponent + distance, value.Significand, ref context);
    }
}
