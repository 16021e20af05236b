using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Fp;

/// <summary>What an unpacked number is (FPType of the pseudocode).</summary>
public enum FPType : byte
{
    Zero,
    Nonzero,
    Infinity,
    QNaN,
    SNaN,
}

/// <summary>An unpacked number: for Nonzero, (-1)^Sign × Significand × 2^(Exponent-63) with bit 63 of Significand set.</summary>
internal readonly record struct Unpacked(FPType Type, bool Sign, int Exponent, ulong Significand)
{
    public bool IsNaN => Type >= FPType.QNaN;
}

/// <summary>
/// Floating point exactly as the Arm pseudocode defines it, one file per function of the pseudocode. Numbers are raw
/// bits in the low end of a <see cref="ulong"/>. This is the reference that faster paths are held to.
/// </summary>
public static partial class SoftFloat
{
    internal static ulong SignBit<TFormat>() where TFormat : struct, IFpFormat => 1ul << (TFormat.Width - 1);

    internal static ulong FractionMask<TFormat>() where TFormat : struct, IFpFormat => (1ul << TFormat.FractionBits) - 1;

    internal static int MaxBiasedExponent<TFormat>() where TFormat : struct, IFpFormat => (1 << TFormat.ExponentBits) - 1;

    internal static ulong QuietBit<TFormat>() where TFormat : struct, IFpFormat => 1ul << (TFormat.FractionBits - 1);

    /// <summary>Smallest exponent of a normal number (minimum_exp of FPRoundBase).</summary>
    internal static int MinimumExponent<TFormat>() where TFormat : struct, IFpFormat => 2 - (1 << (TFormat.ExponentBits - 1));

    /// <summary>FPUnpack: a flushed denormal reads as zero and raises IDC, except in half precision.</summary>
    internal static Unpacked FPUnpack<TFormat>(ulong bits, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPUnpackBase<TFormat>(bits, ref context, context.Flushes<TFormat>(), alternativeHalf: false);

    /// <summary>FPUnpackCV: as conversions read their source; FZ16 does not apply, FPCR.AHP does.</summary>
    internal static Unpacked FPUnpackCV<TFormat>(ulong bits, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPUnpackBase<TFormat>(
            bits,
            ref context,
            TFormat.Width != 16 && context.FlushToZero,
            TFormat.Width == 16 && context.AlternativeHalf);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Unpacked FPUnpackBase<TFormat>(ulong bits, ref FpContext context, bool flush, bool alternativeHalf)
        where TFormat : struct, IFpFormat
    {
        var sign = (bits & SignBit<TFormat>()) != 0;
        var biased = (int)(bits >> TFormat.FractionBits) & MaxBiasedExponent<TFormat>();
        var fraction = bits & FractionMask<TFormat>();
        if (biased == 0)
        {
            if (fraction == 0)
                return new Unpacked(FPType.Zero, sign, 0, 0);
            if (flush)
            {
                if (TFormat.Width != 16)
                    context.Raise(FpContext.InputDenormal);
                return new Unpacked(FPType.Zero, sign, 0, 0);
            }

            var shift = BitOperations.LeadingZeroCount(fraction);
            var exponent = MinimumExponent<TFormat>() + 63 - TFormat.FractionBits - shift;
            return new Unpacked(FPType.Nonzero, sign, exponent, fraction << shift);
        }

        if (biased == MaxBiasedExponent<TFormat>() && !alternativeHalf)
        {
            if (fraction == 0)
                return new Unpacked(FPType.Infinity, sign, 0, 0);
            return new Unpacked((fraction & QuietBit<TFormat>()) != 0 ? FPType.QNaN : FPType.SNaN, sign, 0, 0);
        }

        var significand = (1ul << 63) | (fraction << (63 - TFormat.FractionBits));
        return new Unpacked(FPType.Nonzero, sign, biased - 1 + MinimumExponent<TFormat>(), significand);
    }
}
