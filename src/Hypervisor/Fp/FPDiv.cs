namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPDiv: op1 ÷ op2.</summary>
    public static ulong FPDiv<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (HostFloat.TryDiv<TFormat>(op1, op2, context, out var fast))
            return fast;
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        if (FPProcessNaNs<TFormat>(value1, value2, op1, op2, ref context, out var result))
            return result;

        var sign = value1.Sign != value2.Sign;
        if (value1.Type == value2.Type && value1.Type != FPType.Nonzero)
        {
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        if (value1.Type == FPType.Infinity || value2.Type == FPType.Zero)
        {
            if (value1.Type != FPType.Infinity)
                context.Raise(FpContext.DivideByZero);
            return FPInfinity<TFormat>(sign);
        }

        if (value1.Type == FPType.Zero || value2.Type == FPType.Infinity)
            return FPZero<TFormat>(sign);

        var dividend = new UInt128(value1.Significand >> 1, value1.Significand << 63);
        var (quotient, remainder) = UInt128.DivRem(dividend, value2.Significand);
        var significand = new UInt128((ulong)quotient, remainder != UInt128.Zero ? 1ul : 0);
        return RoundWide<TFormat>(sign, value1.Exponent - value2.Exponent, significand, ref context);
    }
}
