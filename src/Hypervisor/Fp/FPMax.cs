namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPMax: a NaN operand gives a NaN, and +0 is greater than -0.</summary>
    public static ulong FPMax<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        Extremum<TFormat>(op1, op2, maximum: true, ref context);

    /// <summary>FPMin.</summary>
    public static ulong FPMin<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        Extremum<TFormat>(op1, op2, maximum: false, ref context);

    /// <summary>FPMaxNum: a quiet NaN loses against a number.</summary>
    public static ulong FPMaxNum<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        ReplaceQuietNaN<TFormat>(ref op1, ref op2, FPInfinity<TFormat>(true));
        return FPMax<TFormat>(op1, op2, ref context);
    }

    /// <summary>FPMinNum.</summary>
    public static ulong FPMinNum<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        ReplaceQuietNaN<TFormat>(ref op1, ref op2, FPInfinity<TFormat>(false));
        return FPMin<TFormat>(op1, op2, ref context);
    }

    private static void ReplaceQuietNaN<TFormat>(ref ulong op1, ref ulong op2, ulong replacement)
        where TFormat : struct, IFpFormat
    {
        var quiet1 = IsQuietNaN<TFormat>(op1);
        var quiet2 = IsQuietNaN<TFormat>(op2);
        if (quiet1 && !quiet2)
            op1 = replacement;
        else if (quiet2 && !quiet1)
            op2 = replacement;
    }

    private static bool IsQuietNaN<TFormat>(ulong op) where TFormat : struct, IFpFormat
    {
        var mask = FPDefaultNaN<TFormat>();
        return (op & mask) == mask;
    }

    private static ulong Extremum<TFormat>(ulong op1, ulong op2, bool maximum, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        if (FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result))
            return result;

        var order = Order(value1, value2);
        var first = maximum ? order > 0 : order < 0;
        var chosen = first ? value1 : value2;
        return chosen.Type switch
        {
            FPType.Infinity => FPInfinity<TFormat>(chosen.Sign),
            FPType.Zero => FPZero<TFormat>(ZeroSign(value1, value2, chosen, maximum)),
            _ => FPRound<TFormat>(chosen.Sign, chosen.Exponent, chosen.Significand, ref context),
        };
    }

    private static bool ZeroSign(in Unpacked value1, in Unpacked value2, in Unpacked chosen, bool maximum)
    {
        if (value1.Type != FPType.Zero || value2.Type != FPType.Zero)
            return chosen.Sign;
        return maximum ? value1.Sign && value2.Sign : value1.Sign || value2.Sign;
    }
}
