namespace CloudVm.Contracts.Vms;

/// <summary>A virtual machine: its definition, its desired power state and what was last observed of it.</summary>
public sealed record Vm
{
    public required Guid Id { get; init; }

    /// <summary>Name of the project that owns the VM; <c>default</c> is built in.</summary>
    public required string Project { get; init; }

    /// <summary>Unique in its project.</summary>
    public required string Name { get; init; }

    public string? Description { get; init; }

    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    public required ImageReference Image { get; init; }

    public required CpuSpec Cpu { get; init; }

    public required int MemoryMiB { get; init; }

    /// <summary>Its disks, in order; empty for none.</summary>
    public required IReadOnlyList<VmDisk> Disks { get; init; }

    /// <summary>Kernel command line, for images that boot a kernel.</summary>
    public string? CommandLine { get; init; }

    /// <summary>What the VM's network card is connected to.</summary>
    public VmNetwork Network { get; init; }

    public required RestartPolicy RestartPolicy { get; init; }

    public required DesiredState DesiredState { get; init; }

    /// <summary>True while the running guest was started from an older definition than this one.</summary>
    public required bool PendingRestart { get; init; }

    public required VmStatus Status { get; init; }

    /// <summary>Counts changes of the definition; the part of the ETag that <c>If-Match</c> compares.</summary>
    public required long Generation { get; init; }

    /// <summary>The ETag's value without quotes: <c>generation.revision</c>.</summary>
    public required string Etag { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>The image a VM boots.</summary>
public sealed record ImageReference(Guid Id, string Name);

/// <summary>What a VM's network card is connected to. Every VM has a card.</summary>
public enum VmNetwork
{
    /// <summary>Nothing: the card's link is down.</summary>
    None = 0,

    /// <summary>passt: an address by DHCP behind the node's own, connections outwards only, none to the node itself.</summary>
    Passt = 1,
}

/// <summary>What happens when the guest ends by a crash.</summary>
public enum RestartPolicy
{
    Never = 0,
    OnFailure = 1,
}

/// <summary>The power state that the owner asked for.</summary>
public enum DesiredState
{
    Stopped = 0,
    Running = 1,
    Paused = 2,
}
