namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>RecipSqrtEstimate: a is 128..511, standing for [0.25, 1); the result is 256..511, standing for [1, 2).</summary>
    internal static int RecipSqrtEstimate(int a)
    {
        // The middle of the interval that a stands for, in units of 1/512 or, from a half up, of 1/256.
        a = a < 256 ? (a * 2) + 1 : ((a & ~1) + 1) * 2;
        var b = 512;
        while (a * (b + 1) * (b + 1) < 1 << 28)
            b++;
        return (b + 1) / 2;
    }

    /// <summary>FPRSqrtEstimate: 1/√op to 8 bits.</summary>
    public static ulong FPRSqrtEstimate<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
            return FPProcessNaN<TFormat>(value.Type, op, ref context);
        if (value.Type == FPType.Zero)
        {
            context.Raise(FpContext.DivideByZero);
            return FPInfinity<TFormat>(value.Sign);
        }

        if (value.Sign)
        {
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        if (value.Type == FPType.Infinity)
            return FPZero<TFormat>(false);

        // The operand is scaled to [0.25, 1): by an even power of two, so that the root's exponent is whole.
        var odd = (value.Exponent & 1) != 0;
        var scaled = odd ? (int)(value.Significand >> 55) : (int)(value.Significand >> 56);
        var estimate = RecipSqrtEstimate(scaled);
        var exponent = odd ? -(value.Exponent + 1) / 2 : -(value.Exponent + 2) / 2;
        var fraction = (ulong)(estimate & 0xFF) << (TFormat.FractionBits - 8);
        return Pack<TFormat>(false, exponent - MinimumExponent<TFormat>() + 1, fraction);
    }

    /// <summary>UnsignedRSqrtEstimate (URSQRTE).</summary>
    public static uint UnsignedRSqrtEstimate(uint op) =>
        op >> 30 == 0 ? uint.MaxValue : (uint)RecipSqrtEstimate((int)(op >> 23)) << 23;
}
