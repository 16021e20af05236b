namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>
    /// FPToFixed: op × 2^fractionBits as an integer of the given width, saturating with IOC. The result is zero-extended
    /// from that width; a NaN gives zero.
    /// </summary>
    public static ulong FPToFixed<TFormat>(
        ulong op, int fractionBits, bool unsigned, FPRounding rounding, int width, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var value = FPUnpack<TFormat>(op, ref context);
        if (value.IsNaN)
        {
            context.Raise(FpContext.InvalidOp);
            return 0;
        }

        if (value.Type == FPType.Zero)
            return 0;

        var mask = width == 64 ? ulong.MaxValue : (1ul << width) - 1;
        var limit = unsigned ? (value.Sign ? 0 : mask) : (1ul << (width - 1)) - (value.Sign ? 0ul : 1);
        var exponent = value.Exponent + fractionBits;
        if (value.Type == FPType.Infinity || exponent > 63)
            return Saturate(ref context);

        ulong error = 0;
        var integer = exponent == 63 ? value.Significand : SplitAt(value.Significand, 63 - exponent, out error);
        if (RoundsUp(value.Sign, integer, error, rounding) && ++integer == 0)
            return Saturate(ref context);
        if (integer > limit)
            return Saturate(ref context);
        if (error != 0)
            context.Raise(FpContext.Inexact);
        return (value.Sign ? 0 - integer : integer) & mask;

        ulong Saturate(ref FpContext c)
        {
            c.Raise(FpContext.InvalidOp);
            return (value.Sign ? 0 - limit : limit) & mask;
        }
    }

    /// <summary>
    /// FPToFixedJS: as JavaScript's ToInt32, modulo 2^32 instead of saturating. exact is false when the value was not
    /// an in-range integer, which includes -0.
    /// </summary>
    public static uint FPToFixedJS(ulong op, out bool exact, ref FpContext context)
    {
        var value = FPUnpack<Binary64>(op, ref context);
        exact = false;
        if (value.IsNaN || value.Type == FPType.Infinity)
        {
            context.Raise(FpContext.InvalidOp);
            return 0;
        }

        if (value.Type == FPType.Zero)
        {
            exact = !value.Sign;
            return 0;
        }

        if (value.Exponent > 63)
        {
            context.Raise(FpContext.InvalidOp);
            var shift = value.Exponent - 63;
            var low = shift >= 32 ? 0 : (uint)(value.Significand << shift);
            return value.Sign ? 0 - low : low;
        }

        ulong error = 0;
        var integer = value.Exponent == 63 ? value.Significand : SplitAt(value.Significand, 63 - value.Exponent, out error);
        if (integer > (value.Sign ? 0x8000_0000ul : 0x7FFF_FFFFul))
            context.Raise(FpContext.InvalidOp);
        else if (error != 0)
            context.Raise(FpContext.Inexact);
        else
            exact = true;
        return value.Sign ? 0 - (uint)integer : (uint)integer;
    }
}
