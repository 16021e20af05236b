namespace CloudVm.Storage.Entities;

/// <summary>A machine with a Worker.</summary>
public sealed class NodeEntity
{
    public Guid Id { get; init; }

    public required string Name { get; init; }

    public required string Url { get; set; }

    /// <summary>SHA-256 of the secret that Api and node show each other.</summary>
    public required byte[] SecretHash { get; set; }

    public bool Cordoned { get; set; }

    public int CpuCount { get; set; }

    public int MemoryMiB { get; set; }

    public double Load { get; set; }

    public int RunningVms { get; set; }

    public int WarmPool { get; set; }

    public required string Version { get; set; }

    public DateTimeOffset RegisteredAt { get; init; }

    public DateTimeOffset? LastHeartbeatAt { get; set; }

    /// <summary>Counts every change of this row.</summary>
    public long Revision { get; set; }
}
