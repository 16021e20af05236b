using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FixedToFP: value ÷ 2^fractionBits; a narrower integer must come sign- or zero-extended to 64 bits.</summary>
    public static ulong FixedToFP<TFormat>(ulong value, int fractionBits, bool unsigned, FPRounding rounding, ref FpContext context)
        where TFormat : struct, IFpFormat
    {
        if (value == 0)
            return 0;
        var sign = !unsigned && (long)value < 0;
        var magnitude = sign ? 0 - value : value;
        var shift = BitOperations.LeadingZeroCount(magnitude);
        return FPRound<TFormat>(sign, 63 - shift - fractionBits, magnitude << shift, ref context, rounding);
    }
}
