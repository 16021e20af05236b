namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// What UBFM and BFM move: with imms >= immr, source[imms:immr] to bit 0, else source[imms:0] to bit width - immr.
/// </summary>
/// <param name="IsExtract">The source is shifted right by <paramref name="Shift"/>, else left.</param>
/// <param name="Mask">The destination bits.</param>
internal readonly record struct Bitfield(bool IsExtract, int Shift, ulong Mask)
{
    /// <summary>The move that immr and imms describe in registers of <typeparamref name="T"/>, <c>uint</c> or <c>ulong</c>.</summary>
    public static Bitfield Of<T>(int immr, int imms)
    {
        if (imms >= immr)
            return new Bitfield(true, immr, ulong.MaxValue >> (63 - (imms - immr)));
        var position = Width.Bits<T>() - immr;
        return new Bitfield(false, position, ulong.MaxValue >> (63 - imms) << position);
    }

    public ulong Move(ulong source) => (IsExtract ? source >> Shift : source << Shift) & Mask;
}
