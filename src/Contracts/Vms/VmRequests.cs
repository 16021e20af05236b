namespace CloudVm.Contracts.Vms;

/// <summary>Body of <c>POST /vms</c>, and of <c>PUT /vms/{id}</c>, which replaces the whole definition.</summary>
public sealed record VmDefinition
{
    public string? Name { get; init; }

    /// <summary>The owning project's name; cannot change afterwards.</summary>
    public string? Project { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>An image's id or name.</summary>
    public string? Image { get; init; }

    public CpuSpec Cpu { get; init; } = new();

    /// <summary>Guest memory; 64 when left out.</summary>
    public int? MemoryMiB { get; init; }

    /// <summary>The VM's disks, in order; none when left out.</summary>
    public IReadOnlyList<DiskSpec>? Disks { get; init; }

    public string? CommandLine { get; init; }

    /// <summary>What the VM's network card is connected to; nothing when left out.</summary>
    public VmNetwork Network { get; init; }

    public RestartPolicy RestartPolicy { get; init; }
}

/// <summary>Body of <c>PATCH /vms/{id}</c> (JSON merge patch, RFC 7396): members left out stay as they are.</summary>
public sealed record VmPatch
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public string? Image { get; init; }

    public CpuSpec? Cpu { get; init; }

    public int? MemoryMiB { get; init; }

    /// <summary>All disks that the VM is to have.</summary>
    public IReadOnlyList<DiskSpec>? Disks { get; init; }

    public string? CommandLine { get; init; }

    public VmNetwork? Network { get; init; }

    public RestartPolicy? RestartPolicy { get; init; }
}

/// <summary>
/// Body of <c>:stop</c>. Without force the guest is asked to shut down, by its power button and by the agent's console port, and is forced
/// if it does not; the operation's result says which it was (<see cref="StopVmResult"/>).
/// </summary>
public sealed record StopVmRequest
{
    /// <summary>Used where a request names no time-out, in seconds.</summary>
    public const int DefaultTimeoutSeconds = 30;

    /// <summary>Longest time-out, in seconds.</summary>
    public const int MaxTimeoutSeconds = 600;

    /// <summary>Ends the guest at once and supersedes whatever operation is under way.</summary>
    public bool Force { get; init; }

    /// <summary>
    /// How long the guest may take to shut down, 1 to 600 seconds; 30 when left out. A guest that has not set itself up to listen is
    /// forced after a few seconds.
    /// </summary>
    public int? TimeoutSeconds { get; init; }
}

/// <summary>Body of <c>:snapshot</c>.</summary>
public sealed record SnapshotVmRequest
{
    /// <summary>Unique for the VM; made from the time when left out.</summary>
    public string? Name { get; init; }

    public string? Description { get; init; }
}

/// <summary>Body of <c>:restore</c>: puts the VM back to the snapshot, in place.</summary>
public sealed record RestoreVmRequest
{
    public Guid? SnapshotId { get; init; }
}

/// <summary>Body of <c>:fork</c>: makes a new VM from the snapshot, or from the VM as it is now.</summary>
public sealed record ForkVmRequest
{
    public Guid? SnapshotId { get; init; }

    /// <summary>The new VM's name.</summary>
    public string? Name { get; init; }
}

/// <summary>Body of <c>POST /vms:start</c> and <c>POST /vms:stop</c>.</summary>
public sealed record BulkVmRequest
{
    /// <summary>1 to 500 VMs.</summary>
    public IReadOnlyList<Guid>? Ids { get; init; }

    /// <summary>For <c>:stop</c>, as <see cref="StopVmRequest.Force"/>.</summary>
    public bool Force { get; init; }

    /// <summary>For <c>:stop</c>, as <see cref="StopVmRequest.TimeoutSeconds"/>.</summary>
    public int? TimeoutSeconds { get; init; }
}
