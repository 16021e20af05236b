using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Fp;

/// <summary>
/// The fast path: host arithmetic where its value and the FPSR outcome are known to be Arm's. That is so when rounding
/// to nearest, IXC is already set (the host's inexact flag cannot be read from managed code), every operand is zero or
/// normal, and the result is normal and above the smallest normal number, so that neither underflow, overflow, flushing
/// nor a NaN can be involved.
/// </summary>
internal static class HostFloat
{
    private const uint RoundingMask = 3u << 22;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryAdd<TFormat>(ulong op1, ulong op2, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (Usable<TFormat>(context) && IsNormal<TFormat>(op1) && IsNormal<TFormat>(op2))
        {
            result = TFormat.Width == 64
                ? BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(op1) + BitConverter.UInt64BitsToDouble(op2))
                : BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle((uint)op1) + BitConverter.UInt32BitsToSingle((uint)op2));
            return IsSafeResult<TFormat>(result);
        }

        result = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TrySub<TFormat>(ulong op1, ulong op2, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat =>
        TryAdd<TFormat>(op1, op2 ^ SoftFloat.SignBit<TFormat>(), context, out result);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryMul<TFormat>(ulong op1, ulong op2, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (Usable<TFormat>(context) && IsNormal<TFormat>(op1) && IsNormal<TFormat>(op2))
        {
            result = TFormat.Width == 64
                ? BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(op1) * BitConverter.UInt64BitsToDouble(op2))
                : BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle((uint)op1) * BitConverter.UInt32BitsToSingle((uint)op2));
            return IsSafeResult<TFormat>(result);
        }

        result = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryDiv<TFormat>(ulong op1, ulong op2, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (Usable<TFormat>(context) && IsNormal<TFormat>(op1) && IsNormal<TFormat>(op2))
        {
            result = TFormat.Width == 64
                ? BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(op1) / BitConverter.UInt64BitsToDouble(op2))
                : BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle((uint)op1) / BitConverter.UInt32BitsToSingle((uint)op2));
            return IsSafeResult<TFormat>(result);
        }

        result = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TrySqrt<TFormat>(ulong op, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (Usable<TFormat>(context) && IsNormal<TFormat>(op) && (op & SoftFloat.SignBit<TFormat>()) == 0)
        {
            result = TFormat.Width == 64
                ? BitConverter.DoubleToUInt64Bits(Math.Sqrt(BitConverter.UInt64BitsToDouble(op)))
                : BitConverter.SingleToUInt32Bits(MathF.Sqrt(BitConverter.UInt32BitsToSingle((uint)op)));
            return true;
        }

        result = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryMulAdd<TFormat>(ulong addend, ulong op1, ulong op2, in FpContext context, out ulong result)
        where TFormat : struct, IFpFormat
    {
        if (Usable<TFormat>(context)
            && IsNormal<TFormat>(op1)
            && IsNormal<TFormat>(op2)
            && (IsNormal<TFormat>(addend) || (addend & ~SoftFloat.SignBit<TFormat>()) == 0))
        {
            result = TFormat.Width == 64
                ? BitConverter.DoubleToUInt64Bits(Math.FusedMultiplyAdd(
                    BitConverter.UInt64BitsToDouble(op1),
                    BitConverter.UInt64BitsToDouble(op2),
                    BitConverter.UInt64BitsToDouble(addend)))
                : BitConverter.SingleToUInt32Bits(MathF.FusedMultiplyAdd(
                    BitConverter.UInt32BitsToSingle((uint)op1),
                    BitConverter.UInt32BitsToSingle((uint)op2),
                    BitConverter.UInt32BitsToSingle((uint)addend)));
            return IsSafeResult<TFormat>(result);
        }

        result = 0;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Usable<TFormat>(in FpContext context) where TFormat : struct, IFpFormat =>
        TFormat.Width != 16 && (context.Fpcr & RoundingMask) == 0 && (context.Fpsr & FpContext.Inexact) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsNormal<TFormat>(ulong op) where TFormat : struct, IFpFormat
    {
        var biased = (uint)(op >> TFormat.FractionBits) & (uint)SoftFloat.MaxBiasedExponent<TFormat>();
        return biased - 1 < (uint)SoftFloat.MaxBiasedExponent<TFormat>() - 1;
    }

    /// <summary>A biased exponent of 1 may have been rounded up from a tiny value, which the reference has to decide.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSafeResult<TFormat>(ulong result) where TFormat : struct, IFpFormat
    {
        var biased = (uint)(result >> TFormat.FractionBits) & (uint)SoftFloat.MaxBiasedExponent<TFormat>();
        return biased - 2 < (uint)SoftFloat.MaxBiasedExponent<TFormat>() - 2;
    }
}
