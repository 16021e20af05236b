namespace CloudVm.Hypervisor.Cpu;

/// <summary>
/// What a translated block depends on besides the instructions: part of every block key. The interpreter looks at all other state
/// while it executes, so only the exception level, which decides what may be fetched, is in it.
/// </summary>
public readonly record struct ExecutionMode(byte El)
{
    /// <summary>Bits that a mode takes in a block key.</summary>
    public const int KeyBits = 2;

    public static unsafe ExecutionMode Of(CpuState* cpu) => new(cpu->El);

    /// <summary>A key for instructions at a word-aligned address in this mode.</summary>
    public ulong Key(ulong address) => address | El;
}
