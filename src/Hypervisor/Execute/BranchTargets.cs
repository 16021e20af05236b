namespace CloudVm.Hypervisor.Execute;

/// <summary>Branch targets (FEAT_BTI): the values of PSTATE.BTYPE, and which instructions a branch may go to in a guarded page.</summary>
internal static class BranchTargets
{
    /// <summary>Any other instruction than the following.</summary>
    public const byte None = 0b00;

    /// <summary>BR and BRAA … by X16 or X17, or from a page that is not guarded: may go where a call may go and where a jump may.</summary>
    public const byte Trampoline = 0b01;

    /// <summary>BLR, BLRAA …</summary>
    public const byte Call = 0b10;

    /// <summary>BR and BRAA … in a guarded page by any other register.</summary>
    public const byte Jump = 0b11;

    private const byte AnyBranch = 0b1110;

    /// <summary>BTYPE after BR, BRAA … by X[<paramref name="n"/>].</summary>
    public static byte OfJump(uint n, bool guarded) => guarded && n is not (16 or 17) ? Jump : Trampoline;

    /// <summary>The bit of <paramref name="btype"/> in <see cref="Block.Refused"/>.</summary>
    public static byte Bit(byte btype) => (byte)(1 << btype);

    /// <summary>
    /// Which values of BTYPE a block that starts with <paramref name="word"/> does not just accept: see <see cref="Block.Refused"/>.
    /// PACIASP and PACIBSP count as if SCTLR_EL1.BT0 and BT1 were set.
    /// </summary>
    public static byte Refused(uint word, bool guarded)
    {
        if (ShowsBtype(word))
            return AnyBranch;
        if (!guarded)
            return 0;
        byte refused = 0;
        for (var btype = Trampoline; btype <= Jump; btype++)
            refused |= IsCompatible(word, btype, strict: true) ? (byte)0 : Bit(btype);
        return refused;
    }

    /// <summary>
    /// Pseudocode BTypeCompatible: whether the instruction may be executed in a guarded page with this BTYPE, which is not 0.
    /// </summary>
    /// <param name="strict">SCTLR_EL1.BT0 at EL0 and BT1 at EL1: no jump to PACIASP and PACIBSP.</param>
    public static bool IsCompatible(uint word, byte btype, bool strict) => word switch
    {
        BtiC => btype != Jump,
        BtiJ => btype != Call,
        BtiJc => true,
        Paciasp or Pacibsp => btype != Jump || !strict,
        _ => ShowsBtype(word) || IsHalt(word),
    };

    /// <summary>
    /// Whether the instruction's own exception has BTYPE in SPSR_EL1. Of the exceptions that instructions cause, the architecture
    /// asks that only of BRK's; with the others it may be zero (pseudocode AArch64.TakeException, Unpredictable_ZEROBTYPE).
    /// </summary>
    public static bool ShowsBtype(uint word) => (word & 0xffe0_001f) == 0xd420_0000;

    private static bool IsHalt(uint word) => (word & 0xffe0_001f) == 0xd440_0000;

    private const uint Paciasp = 0xd503_233f;
    private const uint Pacibsp = 0xd503_237f;
    private const uint BtiC = 0xd503_245f;
    private const uint BtiJ = 0xd503_249f;
    private const uint BtiJc = 0xd503_24df;
}
