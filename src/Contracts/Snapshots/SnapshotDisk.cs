using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Snapshots;

/// <summary>A disk in a snapshot.</summary>
public sealed record SnapshotDisk
{
    public required string Name { get; init; }

    public required long SizeMiB { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>The image below it, which a restore needs; null for none.</summary>
    public ImageReference? Image { get; init; }

    /// <summary>SHA-256 of that image, lower-case hex.</summary>
    public string? ImageSha256 { get; init; }

    /// <summary>What the disk held beyond its image, in whole blocks of 64 KiB.</summary>
    public required long AllocatedBytes { get; init; }
}
