namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPMulAdd: addend + op1 × op2, rounded once. NaN priority is addend, op1, op2.</summary>
    public static ulong FPMulAdd<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        if (HostFloat.TryMulAdd<TFormat>(addend, op1, op2, context, out var fast))
            return fast;
        var valueA = FPUnpack<TFormat>(addend, ref context);
        var value1 = FPUnpack<TFormat>(op1, ref context);
        var value2 = FPUnpack<TFormat>(op2, ref context);
        var invalidProduct = (value1.Type == FPType.Infinity && value2.Type == FPType.Zero)
            || (value1.Type == FPType.Zero && value2.Type == FPType.Infinity);
        if (FPProcessNaNs3<TFormat>(valueA, value1, value2, addend, op1, op2, ref context, out var result))
        {
            if (valueA.Type != FPType.QNaN || !invalidProduct)
                return result;
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        var infinite = value1.Type == FPType.Infinity || value2.Type == FPType.Infinity;
        var signP = value1.Sign != value2.Sign;
        if (invalidProduct || (infinite && valueA.Type == FPType.Infinity && valueA.Sign != signP))
        {
            context.Raise(FpContext.InvalidOp);
            return FPDefaultNaN<TFormat>();
        }

        if (valueA.Type == FPType.Infinity)
            return FPInfinity<TFormat>(valueA.Sign);
        if (infinite)
            return FPInfinity<TFormat>(signP);
        return FusedSum<TFormat>(valueA, value1, value2, 0, ref context);
    }

    /// <summary>(addend + value1 × value2) × 2^scale of finite values, rounded once.</summary>
    private static ulong FusedSum<TFormat>(
        in Unpacked addend, in Unpacked value1, in Unpacked value2, int scale, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        var signP = value1.Sign != value2.Sign;
        var zeroProduct = value1.Type == FPType.Zero || value2.Type == FPType.Zero;
        if (zeroProduct)
        {
            if (addend.Type != FPType.Zero)
                return FPRound<TFormat>(addend.Sign, addend.Exponent + scale, addend.Significand, ref context);
            return FPZero<TFormat>(addend.Sign == signP ? signP : context.Rounding == FPRounding.NegInf);
        }

        var productHigh = Math.BigMul(value1.Significand, value2.Significand, out var productLow);
        var product = new UInt128(productHigh, productLow);
        var exponent = value1.Exponent + value2.Exponent + 1;
        if (productHigh >> 63 == 0)
        {
            product <<= 1;
            exponent--;
        }

        if (addend.Type == FPType.Zero)
            return RoundWide<TFormat>(signP, exponent + scale, product, ref context);

        var other = new UInt128(addend.Significand, 0);
        var addendIsLarge = addend.Exponent > exponent || (addend.Exponent == exponent && other > product);
        var (large, small) = addendIsLarge ? (other, product) : (product, other);
        var (largeExponent, distance) = addendIsLarge
            ? (addend.Exponent, addend.Exponent - exponent)
            : (exponent, exponent - addend.Exponent);

        // One spare bit on top for the carry; the low 22 bits of a product and the low 75 of an addend are free for sticky.
        large >>= 1;
        small = ShiftRightJam(small >> 1, distance);
        var sum = addend.Sign == signP ? large + small : large - small;
        if (sum == UInt128.Zero)
            return FPZero<TFormat>(context.Rounding == FPRounding.NegInf);
        return RoundWide<TFormat>(addendIsLarge ? addend.Sign : signP, largeExponent + 1 + scale, sum, ref context);
    }

    private static UInt128 ShiftRightJam(UInt128 value, int count)
    {
        if (count == 0)
            return value;
        if (count >= 128)
            return value != UInt128.Zero ? UInt128.One : UInt128.Zero;
        return (value >> count) | (value << (128 - count) != UInt128.Zero ? UInt128.One : UInt128.Zero);
    }
}
