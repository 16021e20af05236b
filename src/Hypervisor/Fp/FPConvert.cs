namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPConvert between formats with FPCR's rounding mode.</summary>
    public static ulong FPConvert<TFrom, TTo>(ulong op, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat =>
        FPConvert<TFrom, TTo>(op, context.Rounding, ref context);

    /// <summary>FPConvert. Half precision on either side follows FPCR.AHP, and its denormals are never flushed.</summary>
    public static ulong FPConvert<TFrom, TTo>(ulong op, FPRounding rounding, ref FpContext context)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var value = FPUnpackCV<TFrom>(op, ref context);
        var alternative = TTo.Width == 16 && context.AlternativeHalf;
        switch (value.Type)
        {
            case FPType.SNaN:
            case FPType.QNaN:
                var result = alternative ? FPZero<TTo>(value.Sign)
                    : context.DefaultNaN ? FPDefaultNaN<TTo>()
                    : FPConvertNaN<TFrom, TTo>(op);
                if (value.Type == FPType.SNaN || alternative)
                    context.Raise(FpContext.InvalidOp);
                return result;

            case FPType.Infinity when alternative:
                context.Raise(FpContext.InvalidOp);
                return FPZero<TTo>(value.Sign) | (SignBit<TTo>() - 1);

            case FPType.Infinity:
                return FPInfinity<TTo>(value.Sign);

            case FPType.Zero:
                return FPZero<TTo>(value.Sign);

            default:
                return FPRoundCV<TTo>(value.Sign, value.Exponent, value.Significand, ref context, rounding);
        }
    }

    /// <summary>FPConvertNaN: keeps the sign and the top of the payload, quieted.</summary>
    private static ulong FPConvertNaN<TFrom, TTo>(ulong op)
        where TFrom : struct, IFpFormat
        where TTo : struct, IFpFormat
    {
        var fraction = op & FractionMask<TFrom>();
        var moved = TTo.FractionBits >= TFrom.FractionBits
            ? fraction << (TTo.FractionBits - TFrom.FractionBits)
            : fraction >> (TFrom.FractionBits - TTo.FractionBits);
        return FPInfinity<TTo>((op & SignBit<TFrom>()) != 0) | QuietBit<TTo>() | moved;
    }
}
