using System.Numerics;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Logical immediates (pseudocode DecodeBitMasks), tabulated for all values of N:immr:imms.</summary>
internal static class BitMasks
{
    // A valid immediate is never zero, so zero marks the reserved ones.
    private static readonly ulong[] Masks = Tabulate();

    /// <summary>The 64-bit mask for N:immr:imms, or 0 when reserved. A 32-bit form uses the low half and N clear.</summary>
    public static ulong Decode(uint encoding) => Masks[encoding];

    private static ulong[] Tabulate()
    {
        var masks = new ulong[1 << 13];
        for (uint encoding = 0; encoding < masks.Length; encoding++)
            masks[encoding] = Compute(encoding >> 12, encoding >> 6 & 63, encoding & 63);
        return masks;
    }

    private static ulong Compute(uint n, uint immr, uint imms)
    {
        var lengthField = n << 6 | (~imms & 63);
        if (lengthField < 2)
            return 0;
        var elementSize = 1 << BitOperations.Log2(lengthField);
        var levels = (uint)elementSize - 1;
        var ones = imms & levels;
        if (ones == levels)
            return 0;
        var element = (1UL << ((int)ones + 1)) - 1;
        var rotate = (int)(immr & levels);
        var elementMask = elementSize == 64 ? ulong.MaxValue : (1UL << elementSize) - 1;
        element = ((element >> rotate) | (rotate == 0 ? 0 : element << (elementSize - rotate))) & elementMask;
        for (var size = elementSize; size < 64; size *= 2)
            element |= element << size;
        return element;
    }
}
