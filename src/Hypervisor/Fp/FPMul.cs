namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPMul: op1 × op2.</summary>
    public static ulong FPMul<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostFloat.TryMul<TFormat>(op1, op2, context, out var fast) ? fast : Multiply<TFormat>(op1, op2, ref context, false);

    /// <summary>FPMulX: as <see cref="FPMul"/>, but zero times infinity is two.</summary>
    public static ulong FPMulX<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        Multiply<TFormat>(op1, op2, ref context, true);

    private static ulong Multiply<TFormat>(ulong op1, ulong op2, ref FpContext context, bool extended)
        where TFormat : struct, IFpFormat
    {
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        if (FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result))
            return result;

        var sign = value1.Sign != value2.Sign;
        if (value1.Type == FPType.Infinity || value2.Type == FPType.Infinity)
        {
            if (value1.Type != FPType.Zero && value2.Type != FPType.Zero)
                return FPInfinity<TFormat>(sign);
            if (extended)
                return FPTwo<TFormat>(sign);
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        if (value1.Type == FPType.Zero || value2.Type == FPType.Zero)
            return FPZero<TFormat>(sign);
        var product = Math.BigMul(value1.Significand, value2.Significand, out var low);
        return RoundWide<TFormat>(sign, value1.Exponent + value2.Exponent + 1, new UInt128(product, low), ref context);
    }
}
