namespace CloudVm.Contracts.Nodes;

/// <summary>A machine that runs VMs.</summary>
public sealed record Node
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    /// <summary>Where its Worker answers the Api.</summary>
    public required string Url { get; init; }

    public required NodeState State { get; init; }

    public required int CpuCount { get; init; }

    public required int MemoryMiB { get; init; }

    /// <summary>One-minute load average.</summary>
    public required double Load { get; init; }

    public required int RunningVms { get; init; }

    /// <summary>Hypervisor processes waiting for a VM.</summary>
    public required int WarmPool { get; init; }

    public required string Version { get; init; }

    public DateTimeOffset? LastHeartbeatAt { get; init; }

    /// <summary>The ETag's value without quotes.</summary>
    public required string Etag { get; init; }
}

public enum NodeState
{
    Ready = 0,

    /// <summary>Its heartbeat is overdue.</summary>
    NotReady = 1,

    /// <summary>It runs what it has and takes no new VM.</summary>
    Cordoned = 2,
}
