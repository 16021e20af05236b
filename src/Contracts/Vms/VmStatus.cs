namespace CloudVm.Contracts.Vms;

/// <summary>What was last observed of a VM. Read-only.</summary>
public sealed record VmStatus
{
    public required VmPhase Phase { get; init; }

    /// <summary>Stable code of why the VM is in this phase, such as <c>nodeLost</c>.</summary>
    public string? Reason { get; init; }

    /// <summary>The same for a person.</summary>
    public string? Message { get; init; }

    public Guid? NodeId { get; init; }

    public string? NodeName { get; init; }

    /// <summary>The Hypervisor process on the node.</summary>
    public int? ProcessId { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public VmExit? LastExit { get; init; }

    /// <summary>The operation under way, if any.</summary>
    public Guid? OperationId { get; init; }

    /// <summary>Guest instructions retired since start, over all vCPUs.</summary>
    public long? RetiredInstructions { get; init; }

    /// <summary>The disks as they were last seen; left out while that never happened.</summary>
    public IReadOnlyList<VmDiskStatus>? Disks { get; init; }

    /// <summary>A debugger is attached to the guest, and may hold it still; see <c>/vms/{id}/debugger</c>.</summary>
    public bool DebuggerAttached { get; init; }

    /// <summary>The definition's generation that the running guest was started from.</summary>
    public required long ObservedGeneration { get; init; }

    public required DateTimeOffset ObservedAt { get; init; }
}

/// <summary>How the guest last ended.</summary>
public sealed record VmExit
{
    public required VmExitReason Reason { get; init; }

    public required DateTimeOffset At { get; init; }

    public string? Detail { get; init; }

    /// <summary>The last lines the guest printed.</summary>
    public IReadOnlyList<string> ConsoleTail { get; init; } = [];
}

public enum VmPhase
{
    Stopped = 0,
    Starting = 1,
    Running = 2,
    Paused = 3,
    Stopping = 4,
    Restoring = 5,
    Crashed = 6,
}

public enum VmExitReason
{
    /// <summary>The guest powered itself off.</summary>
    GuestPowerOff = 0,

    /// <summary>An operation or the node stopped it.</summary>
    Stopped = 1,

    /// <summary>The guest could not go on, such as an access that the emulated host reports as fatal.</summary>
    GuestFailure = 2,

    /// <summary>The Hypervisor process ended without saying why.</summary>
    HypervisorCrash = 3,

    /// <summary>The Hypervisor process was killed from outside.</summary>
    HypervisorKilled = 4,

    /// <summary>The guest could not be started.</summary>
    StartFailure = 5,

    /// <summary>It was to stop and did not shut down by itself, or was not asked to.</summary>
    Forced = 6,
}
