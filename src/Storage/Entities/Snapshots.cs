using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;

namespace CloudVm.Storage.Entities;

/// <summary>A stored state of a VM.</summary>
public sealed class SnapshotEntity
{
    public Guid Id { get; init; }

    public Guid ProjectId { get; init; }

    public ProjectEntity? Project { get; init; }

    public Guid VmId { get; init; }

    public required string VmName { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public SnapshotState State { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public long SizeBytes { get; set; }

    public long StoredBytes { get; set; }

    public int ChunkCount { get; set; }

    /// <summary>Per vCPU its vector lengths in bits.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> VectorLengthsBits { get; init; }

    public required CpuSpec Cpu { get; init; }

    public int MemoryMiB { get; init; }

    /// <summary>The image that the VM was booted from, for a VM made from the snapshot.</summary>
    public Guid ImageId { get; init; }

    public required IReadOnlyList<SnapshotDisk> Disks { get; init; }

    public string? CommandLine { get; init; }

    public Guid? ScheduleId { get; init; }

    public byte[]? StateHash { get; set; }

    public int FormatVersion { get; init; }

    public DateTimeOffset? VerifiedAt { get; set; }

    public string? VerifyResult { get; set; }

    /// <summary>Counts every change of this row.</summary>
    public long Revision { get; set; }
}

/// <summary>State of vCPUs, devices and machine, by section.</summary>
public sealed class SnapshotSectionEntity
{
    public Guid SnapshotId { get; init; }

    public required string Name { get; init; }

    public int Version { get; init; }

    /// <summary>CRC-32C of <see cref="Data"/>.</summary>
    public long Crc { get; init; }

    public required byte[] Data { get; init; }
}

/// <summary>Blocks of a disk that a snapshot holds, at most 1024 together, in ascending order. All other blocks are the base's.</summary>
public sealed class SnapshotDiskPartEntity
{
    public Guid SnapshotId { get; init; }

    /// <summary>Index of the disk in <see cref="SnapshotEntity.Disks"/>.</summary>
    public int Disk { get; init; }

    public int Part { get; init; }

    /// <summary>Four bytes per block, little-endian: its number.</summary>
    public required byte[] Blocks { get; init; }

    /// <summary>32 bytes per block: its chunk's SHA-256, all zeros for a block of zeros.</summary>
    public required byte[] Hashes { get; init; }
}

/// <summary>Names of the chunks of 64 MiB of guest memory.</summary>
public sealed class SnapshotManifestPartEntity
{
    public Guid SnapshotId { get; init; }

    /// <summary>Counts in 64 MiB from the start of RAM.</summary>
    public int Part { get; init; }

    /// <summary>32 bytes per 64 KiB chunk; all zeros name the zero chunk, which is not stored.</summary>
    public required byte[] Hashes { get; init; }
}

/// <summary>64 KiB of memory, named by their SHA-256 before compression.</summary>
public sealed class ChunkEntity
{
    public required byte[] Hash { get; init; }

    /// <summary>How <see cref="Data"/> is compressed: 0 not at all, 1 zstd, 2 Brotli.</summary>
    public short Codec { get; init; }

    public required byte[] Data { get; init; }

    /// <summary>When a snapshot last relied on it; spares it from a sweep that began earlier.</summary>
    public DateTimeOffset TouchedAt { get; set; }
}

/// <summary>A snapshot being written: chunks newer than the oldest session are not swept.</summary>
public sealed class UploadSessionEntity
{
    public Guid Id { get; init; }

    public Guid OperationId { get; init; }

    public Guid NodeId { get; init; }

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset HeartbeatAt { get; set; }
}
