using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>One vCPU's execution engine: what the hypervisor layer sees of the interpreter, and one day of the compiler.</summary>
public unsafe interface IVcpuEngine
{
    /// <summary>
    /// Executes guest instructions on <paramref name="cpu"/> until an exit, whose detail is in <c>cpu->Exit</c>. Pending virtual
    /// interrupts are taken at block boundaries when PSTATE does not mask them.
    /// </summary>
    /// <param name="budget">Most instructions to execute; up to one block more may be.</param>
    /// <remarks>Thread: the vCPU's, one at a time.</remarks>
    ExitReason Run(CpuState* cpu, long budget);

    /// <summary>Executes exactly one instruction, or takes one pending interrupt. Returns <see cref="ExitReason.Budget"/> when nothing exits.</summary>
    /// <remarks>Thread: the vCPU's.</remarks>
    ExitReason Step(CpuState* cpu);

    /// <summary>Makes a current or the next Run return <see cref="ExitReason.Interrupted"/> soon.</summary>
    /// <remarks>Thread: any.</remarks>
    void RequestExit();

    /// <summary>Says that an interrupt line in the state that a current Run executes on has risen.</summary>
    /// <remarks>Thread: any.</remarks>
    void NotifyInterruptLines();

    /// <summary>Whether the event register is set: WFE would not wait.</summary>
    /// <remarks>Thread: any.</remarks>
    bool HasEvent { get; }

    /// <summary>Drops every cached translation and decoded block, as after loading state from outside.</summary>
    /// <remarks>Thread: any; takes effect before the next instruction of a later Run, and at the next block boundary of a current one.</remarks>
    void InvalidateAllTranslations();

    /// <summary>Where a debugger wants the guest stopped with <see cref="ExitReason.Debug"/>. Single steps pass breakpoints.</summary>
    /// <remarks>Thread: any, while no Run or Step is going on.</remarks>
    void SetDebugControls(DebugControls controls);

    EngineCounters Counters { get; }
}

/// <summary>Running totals of one vCPU's engine. Written by the vCPU's thread; readers elsewhere see slightly old values.</summary>
public sealed class EngineCounters
{
    /// <summary>Instructions executed, including those that took an exception.</summary>
    public long RetiredInstructions;

    public long BlocksDecoded;
    public long InstructionsDecoded;
    public long TlbMisses;
    public long TlbFlushes;
    public long ExceptionsTaken;
    public long InterruptsTaken;

    /// <summary>Executed words that have no implemented encoding, with how often.</summary>
    public UndefinedCounter Undefined { get; } = new();
}
