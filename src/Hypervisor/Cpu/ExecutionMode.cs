namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// What a decoded block depends on besides the instructions: part of every block key. The exception level decides what may be fetched
/// and executed; it and SPSel decide which register SP is. In a guarded page a BR says so in PSTATE.BTYPE.
/// </summary>
public readonly record struct ExecutionMode
{
    /// <summary>Bits that a mode takes in a block key.</summary>
    public const int KeyBits = 2;

    private const ulong GuardedBit = 1UL << 63;

    private ExecutionMode(ulong bits) => Bits = bits;

    /// <summary>Bit 0: EL1. Bit 1: SP is SP_EL1. Bit 63: <see cref="IsGuarded"/>.</summary>
    public ulong Bits { get; }

    public int El => (int)Bits & 1;

    /// <summary>Which of SP_EL0 and SP_EL1 is SP.</summary>
    public int SpIndex => (int)(Bits >> 1) & 1;

    /// <summary>The page is guarded: its descriptor's GP is set (FEAT_BTI). A property of the page, not of the CPU.</summary>
    public bool IsGuarded => (Bits & GuardedBit) != 0;

    /// <summary>The CPU's part of a mode, as for a page that is not guarded.</summary>
    public static unsafe ExecutionMode Of(CpuState* cpu) => new(cpu->El | ((uint)(cpu->El & cpu->SpSel) << 1));

    public ExecutionMode InPage(bool guarded) => new(guarded ? Bits | GuardedBit : Bits & ~GuardedBit);

    /// <summary>A key for instructions at a word-aligned physical address, or offset in RAM, in this mode.</summary>
    public ulong Key(ulong address) => address | Bits;
}
