namespace CloudVm.Contracts;

/// <summary>What this installation can do.</summary>
public sealed record Capabilities
{
    public required string Version { get; init; }

    public required IReadOnlyList<string> AbiProfiles { get; init; }

    public required IReadOnlyList<string> ImageKinds { get; init; }

    public required int MaxVcpus { get; init; }

    public required int MinMemoryMiB { get; init; }

    /// <summary>The largest memory that a ready node offers.</summary>
    public required int MaxMemoryMiB { get; init; }

    public required long MaxImageBytes { get; init; }

    public required int SnapshotFormatVersion { get; init; }

    /// <summary>Longest <c>:wait</c>.</summary>
    public required int MaxWaitSeconds { get; init; }
}
