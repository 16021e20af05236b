namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// What a decoded block depends on besides the instructions: part of every block key. The exception level decides what may be fetched
/// and executed; it and SPSel decide which register SP is.
/// </summary>
public readonly record struct ExecutionMode
{
    /// <summary>Bits that a mode takes in a block key.</summary>
    public const int KeyBits = 2;

    private ExecutionMode(byte bits) => Bits = bits;

    /// <summary>Bit 0: EL1. Bit 1: SP is SP_EL1.</summary>
    public byte Bits { get; }

    public int El => Bits & 1;

    /// <summary>Which of SP_EL0 and SP_EL1 is SP.</summary>
    public int SpIndex => Bits >> 1;

    public static unsafe ExecutionMode Of(CpuState* cpu) => new((byte)(cpu->El | (cpu->El & cpu->SpSel) << 1));

    /// <summary>A key for instructions at a word-aligned address in this mode.</summary>
    public ulong Key(ulong address) => address | Bits;
}
