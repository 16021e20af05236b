using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    // FPCR.FZ and FPCR.DN: the arithmetic of BFDOT and BFMMLA flushes denormals on both sides and makes default NaNs.
    private const uint BFloat16Fpcr = 1u << 24 | 1u << 25;

    /// <summary>
    /// BFDotAdd without FEAT_EBF16: addend + (op1's lower × op2's lower + op1's upper × op2's upper) in single precision, from pairs of
    /// BFloat16. Each step rounds to odd; neither FPCR nor FPSR takes part.
    /// </summary>
    public static uint BFDotAdd(uint addend, uint op1, uint op2)
    {
        var lower = BFMulH(op1 << 16, op2 << 16);
        var upper = BFMulH(op1 & 0xffff_0000, op2 & 0xffff_0000);
        return BFAdd(addend, BFAdd(lower, upper));
    }

    /// <summary>BFMulH: op1 × op2, each a BFloat16 in the upper half of a single. The product of 8-bit significands is exact.</summary>
    private static uint BFMulH(uint op1, uint op2)
    {
        var context = new FpContext(BFloat16Fpcr, 0);
        var value1 = FPUnpack<Binary32>(op1, ref context);
        var value2 = FPUnpack<Binary32>(op2, ref context);
        var sign = value1.Sign != value2.Sign;
        if (value1.IsNaN || value2.IsNaN)
            return (uint)FPDefaultNaN<Binary32>();
        if (value1.Type == FPType.Infinity || value2.Type == FPType.Infinity)
        {
            var zeroTimesInfinity = value1.Type == FPType.Zero || value2.Type == FPType.Zero;
            return (uint)(zeroTimesInfinity ? FPDefaultNaN<Binary32>() : FPInfinity<Binary32>(sign));
        }

        if (value1.Type == FPType.Zero || value2.Type == FPType.Zero)
            return (uint)FPZero<Binary32>(sign);
        var product = Math.BigMul(value1.Significand, value2.Significand, out _);
        var shift = BitOperations.LeadingZeroCount(product);
        return BFRound(sign, value1.Exponent + value2.Exponent + 1 - shift, product << shift);
    }

    /// <summary>BFAdd: op1 + op2 in single precision.</summary>
    private static uint BFAdd(uint op1, uint op2)
    {
        var context = new FpContext(BFloat16Fpcr, 0);
        var value1 = FPUnpack<Binary32>(op1, ref context);
        var value2 = FPUnpack<Binary32>(op2, ref context);
        if (value1.IsNaN || value2.IsNaN)
            return (uint)FPDefaultNaN<Binary32>();
        if (value1.Type == FPType.Infinity || value2.Type == FPType.Infinity)
        {
            var cancels = value1.Type == value2.Type && value1.Sign != value2.Sign;
            return (uint)(cancels ? FPDefaultNaN<Binary32>() : FPInfinity<Binary32>(value1.Type == FPType.Infinity ? value1.Sign : value2.Sign));
        }

        if (value1.Type == FPType.Zero && value2.Type == FPType.Zero)
            return (uint)FPZero<Binary32>(value1.Sign && value2.Sign);
        if (value1.Type == FPType.Zero)
            return op2;
        if (value2.Type == FPType.Zero)
            return op1;

        var swap = value2.Exponent > value1.Exponent
            || (value2.Exponent == value1.Exponent && value2.Significand > value1.Significand);
        var (large, small) = swap ? (value2, value1) : (value1, value2);
        var high = large.Significand >> 1;
        var low = ShiftRightJam(small.Significand >> 1, large.Exponent - small.Exponent);
        var sum = large.Sign == small.Sign ? high + low : high - low;
        if (sum == 0)
            return 0;
        var shift = BitOperations.LeadingZeroCount(sum);
        return BFRound(large.Sign, large.Exponent + 1 - shift, sum << shift);
    }

    /// <summary>BFRound: to odd; what is smaller than a normal number becomes zero, and what is too large infinity.</summary>
    private static uint BFRound(bool sign, int exponent, ulong significand)
    {
        var minimum = MinimumExponent<Binary32>();
        if (exponent < minimum)
            return (uint)FPZero<Binary32>(sign);
        var biased = exponent - minimum + 1;
        if (biased >= MaxBiasedExponent<Binary32>())
            return (uint)FPInfinity<Binary32>(sign);
        var mantissa = SplitAt(significand, 63 - Binary32.FractionBits, out var error);
        return (uint)Pack<Binary32>(sign, biased, error != 0 ? mantissa | 1 : mantissa);
    }
}
