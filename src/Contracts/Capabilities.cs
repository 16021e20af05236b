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

    public required int MaxDisks { get; init; }

    public required long MaxDiskMiB { get; init; }

    /// <summary>Largest upload: 4 GiB unless the installation sets CLOUDVM_MAX_IMAGE_BYTES. A qcow2 image counts as long as its file is.</summary>
    public required long MaxImageBytes { get; init; }

    public required int SnapshotFormatVersion { get; init; }

    /// <summary>Longest <c>:wait</c>.</summary>
    public required int MaxWaitSeconds { get; init; }
}
