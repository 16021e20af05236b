namespace CloudVm.Hypervisor.Cpu;

/// <summary>Why <c>IVcpuEngine.Run</c> returned.</summary>
public enum ExitReason
{
    /// <summary>Nothing to report; never returned by Run.</summary>
    None,

    /// <summary>The instruction budget is used up. PC is the next instruction.</summary>
    Budget,

    /// <summary>Another thread called <c>RequestExit</c>. PC is the next instruction.</summary>
    Interrupted,

    /// <summary>WFI with no pending interrupt. PC is after the WFI.</summary>
    Wfi,

    /// <summary>WFE with the event register clear. PC is after the WFE.</summary>
    Wfe,

    /// <summary>HVC from EL1. The immediate is in <see cref="ExitInfo.Esr"/>; PC is after the HVC.</summary>
    Hvc,

    /// <summary>SMC from EL1. The immediate is in <see cref="ExitInfo.Esr"/>; PC is at the SMC, as for a trap by HCR_EL2.TSC.</summary>
    Smc,

    /// <summary>Access to a system register or instruction that the engine does not hold. ESR has EC 0x18; PC is at the instruction.</summary>
    SystemRegister,

    /// <summary>FP or SIMD access under CPTR_EL2.TFP. PC is at the instruction.</summary>
    FpTrap,

    /// <summary>SVE access under CPTR_EL2.TZ. PC is at the instruction.</summary>
    SveTrap,

    /// <summary>Pointer authentication under HCR_EL2.API. PC is at the instruction.</summary>
    PauthTrap,

    /// <summary>A data access outside RAM: MMIO or nothing. PC is at the instruction.</summary>
    DataAbort,

    /// <summary>An instruction fetch outside RAM. PC is at the instruction.</summary>
    InstructionAbort,

    /// <summary>
    /// The host's debugger wants a stop before the instruction at PC: <see cref="ExitInfo.Far"/> is PC, or with
    /// <see cref="ExitInfo.SyndromeValid"/> the watched address that the instruction would access.
    /// </summary>
    Debug,
}

/// <summary>
/// Detail of an exit, valid until the next Run. <see cref="Esr"/> is what ESR_EL2 would hold; <see cref="Far"/> what FAR_EL2 would;
/// <see cref="Ipa"/> is the full intermediate physical address (HPFAR_EL2 with the page offset).
/// </summary>
public struct ExitInfo
{
    public ExitReason Reason;
    public uint Esr;
    public ulong Far;
    public ulong Ipa;

    /// <summary>MMIO: access size in bytes.</summary>
    public byte Size;

    public bool IsWrite;

    /// <summary>ISS.ISV: the fields below describe the access, and it can be completed by writing <see cref="Rt"/> and advancing PC.</summary>
    public bool SyndromeValid;

    /// <summary>ISS.SSE: a load sign-extends.</summary>
    public bool SignExtend;

    /// <summary>ISS.SF: the register is 64 bits wide.</summary>
    public bool SixtyFour;

    /// <summary>ISS.SRT: the register to load or store; 31 is XZR.</summary>
    public byte Rt;

    /// <summary>MMIO write: the data, zero-extended.</summary>
    public ulong Data;
}
