namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// What the syndrome of a stage-2 data abort says about an access: bits 24 to 14 of the ISS, except SAS and WnR, which the access
/// itself knows. <see cref="None"/> leaves ISV clear, as the architecture requires of pairs, SIMD and SVE registers, exclusives,
/// atomics and forms with writeback.
/// </summary>
public readonly record struct AccessInfo(uint Iss)
{
    private const int IsvBit = 24;
    private const int SseBit = 21;
    private const int SrtShift = 16;
    private const int SfBit = 15;
    private const int ArBit = 14;

    public static AccessInfo None => default;

    public bool SyndromeValid => (Iss >> IsvBit & 1) != 0;

    public bool SignExtend => (Iss >> SseBit & 1) != 0;

    public byte Rt => (byte)(Iss >> SrtShift & 0x1f);

    public bool SixtyFour => (Iss >> SfBit & 1) != 0;

    /// <summary>A load or store of one general-purpose register without writeback.</summary>
    /// <param name="sixtyFour">The register is 64 bits wide (ISS.SF).</param>
    /// <param name="acquireRelease">LDAR, STLR and their like (ISS.AR).</param>
    public static AccessInfo Register(uint rt, bool sixtyFour, bool signExtend = false, bool acquireRelease = false) =>
        new((1u << IsvBit) | (signExtend ? 1u << SseBit : 0) | (rt << SrtShift) | (sixtyFour ? 1u << SfBit : 0) | (acquireRelease ? 1u << ArBit : 0));
}
