namespace CloudVm.Hypervisor.Fp;

/// <summary>BFloat16: the upper half of a single, as results of conversions. Its arithmetic is in single precision.</summary>
public readonly struct BFloat16 : IFpFormat
{
    public static int Width => 16;
    public static int FractionBits => 7;
    public static int ExponentBits => 8;
}

public static partial class SoftFloat
{
    /// <summary>FPConvertBF: single to BFloat16 with FPCR's rounding mode. FPCR.FZ flushes on both sides; FZ16 and AHP do not apply.</summary>
    public static ulong FPConvertBF(ulong op, ref FpContext context)
    {
        var value = FPUnpack<Binary32>(op, ref context);
        switch (value.Type)
        {
            case FPType.SNaN or FPType.QNaN:
                if (value.Type == FPType.SNaN)
                    context.Raise(FpContext.InvalidOp);
                return context.DefaultNaN ? FPDefaultNaN<BFloat16>() : FPConvertNaN<Binary32, BFloat16>(op);
            case FPType.Infinity:
                return FPInfinity<BFloat16>(value.Sign);
            case FPType.Zero:
                return FPZero<BFloat16>(value.Sign);
            default:
                return FPRoundBase<BFloat16>(
                    value.Sign, value.Exponent, value.Significand, ref context, context.Rounding, context.FlushToZero, alternativeHalf: false);
        }
    }
}
