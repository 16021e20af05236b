namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>
    /// FPLogB: the base 2 logarithm of op's magnitude, rounded down, as a signed integer of op's width in the low end. Zero and NaNs
    /// give the most negative number and raise IOC, infinities the most positive.
    /// </summary>
    public static ulong FPLogB<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        switch (value.Type)
        {
            case FPType.Nonzero:
                return (ulong)value.Exponent & (SignBit<TFormat>() | (SignBit<TFormat>() - 1));
            case FPType.Infinity:
                return SignBit<TFormat>() - 1;
            default:
                context.Raise(FpContext.InvalidOp);
                return SignBit<TFormat>();
        }
    }
}
