namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPCompare: NZCV in bits 31:28. signalNaNs makes quiet NaNs raise IOC too (FCMPE).</summary>
    public static uint FPCompare<TFormat>(ulong op1, ulong op2, bool signalNaNs, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        if (value1.IsNaN || value2.IsNaN)
        {
            if (signalNaNs || value1.Type == FPType.SNaN || value2.Type == FPType.SNaN)
                context.Raise(FpContext.InvalidOp);
            return 0x3000_0000;
        }

        return Order(value1, value2) switch
        {
            0 => 0x6000_0000,
            < 0 => 0x8000_0000,
            > 0 => 0x2000_0000,
        };
    }

    /// <summary>FPCompareEQ: quiet.</summary>
    public static bool FPCompareEQ<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompare<TFormat>(op1, op2, false, ref context) == 0x6000_0000;

    /// <summary>FPCompareGE: signalling.</summary>
    public static bool FPCompareGE<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompare<TFormat>(op1, op2, true, ref context) is 0x6000_0000 or 0x2000_0000;

    /// <summary>FPCompareGT: signalling.</summary>
    public static bool FPCompareGT<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompare<TFormat>(op1, op2, true, ref context) == 0x2000_0000;

    /// <summary>Sign of value1 - value2, neither being a NaN.</summary>
    private static int Order(in Unpacked value1, in Unpacked value2)
    {
        var magnitude = Magnitude(value1).CompareTo(Magnitude(value2));
        if (value1.Type == FPType.Zero && value2.Type == FPType.Zero)
            return 0;
        if (value1.Sign != value2.Sign)
            return value1.Sign ? -1 : 1;
        return value1.Sign ? -magnitude : magnitude;
    }

    private static (FPType Type, int Exponent, ulong Significand) Magnitude(in Unpacked value) =>
        (value.Type, value.Exponent, value.Significand);
}
