namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    // Coefficients of the sine series, then from index 8 of the cosine series, as the Arm architecture gives them for FPTrigMAdd.
    private static ReadOnlySpan<ushort> Trigonometric16 =>
    [
        0x3C00, 0xB155, 0x2030, 0, 0, 0, 0, 0,
        0x3C00, 0xB800, 0x293A, 0, 0, 0, 0, 0,
    ];

    private static ReadOnlySpan<uint> Trigonometric32 =>
    [
        0x3F800000, 0xBE2AAAAB, 0x3C088886, 0xB95008B9, 0x36369D6D, 0, 0, 0,
        0x3F800000, 0xBF000000, 0x3D2AAAA6, 0xBAB60705, 0x37CD37CC, 0, 0, 0,
    ];

    private static ReadOnlySpan<ulong> Trigonometric64 =>
    [
        0x3FF0000000000000, 0xBFC5555555555543, 0x3F8111111110F30C, 0xBF2A01A019B92FC6,
        0x3EC71DE351F3D22B, 0xBE5AE5E2B60F7B91, 0x3DE5D8408868552F, 0,
        0x3FF0000000000000, 0xBFE0000000000000, 0x3FA5555555555536, 0xBF56C16C16C13A0B,
        0x3EFA01A019B1E8D8, 0xBE927E4F7282F468, 0x3E21EE96D2641B13, 0xBDA8F76380FBB401,
    ];

    /// <summary>FPTrigSSel: op1, or one when bit 0 of <paramref name="quadrant"/> is set; negated when its bit 1 is. Raises no flags.</summary>
    public static ulong FPTrigSSel<TFormat>(ulong op1, ulong quadrant) where TFormat : struct, IFpFormat
    {
        var chosen = (quadrant & 1) != 0 ? FPOne<TFormat>(false) : op1;
        return (quadrant & 2) != 0 ? FPNeg<TFormat>(chosen) : chosen;
    }

    /// <summary>FPTrigSMul: op1 squared, with bit 0 of <paramref name="quadrant"/> as the sign unless the square is a NaN.</summary>
    public static ulong FPTrigSMul<TFormat>(ulong op1, ulong quadrant, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var square = FPMul<TFormat>(op1, op1, ref context);
        if (FPAbs<TFormat>(square) > FPInfinity<TFormat>(false))
            return square;
        return (quadrant & 1) != 0 ? square | SignBit<TFormat>() : FPAbs<TFormat>(square);
    }

    /// <summary>FPTrigMAdd: coefficient + op1 × |op2|; the sign of op2 chooses the cosine series.</summary>
    /// <param name="index">Which coefficient, 0 to 7.</param>
    /// <param name="op1">The sum so far.</param>
    /// <param name="op2">What FPTrigSMul gave.</param>
    /// <param name="context">Mode and flags.</param>
    public static ulong FPTrigMAdd<TFormat>(int index, ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if ((op2 & SignBit<TFormat>()) != 0)
            index += 8;
        var coefficient = TFormat.Width switch
        {
            16 => Trigonometric16[index],
            32 => Trigonometric32[index],
            _ => Trigonometric64[index],
        };
        return FPMulAdd<TFormat>(coefficient, op1, FPAbs<TFormat>(op2), ref context);
    }
}
