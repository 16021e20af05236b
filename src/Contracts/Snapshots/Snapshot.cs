using CloudVm.Contracts.Vms;

namespace CloudVm.Contracts.Snapshots;

/// <summary>A stored state of a VM. It outlives its VM.</summary>
public sealed record Snapshot
{
    public required Guid Id { get; init; }

    public required string Project { get; init; }

    public required Guid VmId { get; init; }

    /// <summary>The VM's name when the snapshot was taken.</summary>
    public required string VmName { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public required SnapshotState State { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Logical size: guest memory, device state, registers, and what disks hold beyond their images.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>Compressed size of the chunks that no other snapshot had when this one was stored.</summary>
    public required long StoredBytes { get; init; }

    public required int ChunkCount { get; init; }

    /// <summary>Per vCPU its vector-length set; empty for a vCPU without SVE. A restore needs the very same sets.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> VectorLengthsBits { get; init; }

    /// <summary>The processors of the VM as they were.</summary>
    public required CpuSpec Cpu { get; init; }

    public required int MemoryMiB { get; init; }

    /// <summary>The disks as they were at the same instant, in order; empty for a VM without.</summary>
    public required IReadOnlyList<SnapshotDisk> Disks { get; init; }

    /// <summary>The schedule that took it, if any.</summary>
    public Guid? ScheduleId { get; init; }

    /// <summary>SHA-256 over the machine state, lower-case hex; checked again after a restore.</summary>
    public string? StateHash { get; init; }

    public required int FormatVersion { get; init; }

    public DateTimeOffset? VerifiedAt { get; init; }

    /// <summary><c>ok</c>, or what the last verification found.</summary>
    public string? VerifyResult { get; init; }

    /// <summary>The ETag's value without quotes.</summary>
    public required string Etag { get; init; }
}

/// <summary>Stored by name: a name never changes.</summary>
public enum SnapshotState
{
    Creating = 0,
    Ready = 1,
    Deleting = 2,
    Failed = 3,
}

/// <summary>Body of <c>POST /snapshots/{id}:restore</c>.</summary>
public sealed record RestoreSnapshotRequest
{
    /// <summary>Makes a new VM of this name; left out, the snapshot's own VM is restored in place.</summary>
    public string? NewVmName { get; init; }
}
