namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_EXIT_* values that this KVM produces.</summary>
public enum KvmExitReason
{
    Unknown = 0,
    Debug = 4,
    Mmio = 6,
    FailEntry = 9,
    Intr = 10,
    InternalError = 17,
    SystemEvent = 24,
    ArmNisv = 28,
}

/// <summary>KVM_SYSTEM_EVENT_* values.</summary>
public enum KvmSystemEvent
{
    None = 0,
    Shutdown = 1,
    Reset = 2,

    /// <summary>A suspended vCPU has an interrupt pending.</summary>
    Wakeup = 4,
}

/// <summary>What the kernel shares with the virtual machine monitor per vCPU (<c>struct kvm_run</c>).</summary>
/// <remarks>Thread: the vCPU's, except <see cref="ImmediateExit"/>, which any thread may set.</remarks>
public sealed class KvmRun
{
    private volatile bool _immediateExit;

    /// <summary>RUN completes a pending MMIO access, then returns EINTR without entering the guest.</summary>
    public bool ImmediateExit
    {
        get => _immediateExit;
        set => _immediateExit = value;
    }

    public KvmExitReason ExitReason { get; internal set; }

    public ulong MmioAddress { get; internal set; }

    /// <summary>The data written; for a read, what the monitor puts here completes it at the next RUN.</summary>
    public ulong MmioData { get; set; }

    public int MmioLength { get; internal set; }

    public bool MmioIsWrite { get; internal set; }

    public KvmSystemEvent SystemEvent { get; internal set; }

    /// <summary>What a <see cref="KvmExitReason.Debug"/> exit is about.</summary>
    public KvmDebugStop DebugStop { get; internal set; }

    /// <summary>The breakpoint, or the first watched byte of the access.</summary>
    public ulong DebugAddress { get; internal set; }

    /// <summary>FAIL_ENTRY: why the CPU would not enter the guest; 1 is AArch32, 2 a performance monitor, 4 memory tagging.</summary>
    public ulong FailEntryReason { get; internal set; }

    /// <summary>FAIL_ENTRY: the physical CPU.</summary>
    public uint FailEntryCpu { get; internal set; }

    /// <summary>ARM_NISV: ESR_EL2.ISS without what is not valid: CM, WnR and the fault status code.</summary>
    public ulong NisvEsrIss { get; internal set; }

    /// <summary>ARM_NISV: the intermediate physical address, without its page offset.</summary>
    public ulong NisvFaultIpa { get; internal set; }

    /// <summary>Detail of <see cref="KvmExitReason.FailEntry"/>, <see cref="KvmExitReason.InternalError"/> and <see cref="KvmExitReason.ArmNisv"/>, for people.</summary>
    public string? Detail { get; internal set; }
}
