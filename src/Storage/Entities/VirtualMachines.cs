using CloudVm.Contracts.Vms;

namespace CloudVm.Storage.Entities;

/// <summary>A VM's definition and desired state. What is observed of it is in <see cref="VmStatusEntity"/>.</summary>
public sealed class VirtualMachineEntity
{
    public Guid Id { get; init; }

    public Guid ProjectId { get; init; }

    public ProjectEntity? Project { get; set; }

    public required string Name { get; set; }

    public string? Description { get; set; }

    /// <summary>JSON object of strings.</summary>
    public required string Labels { get; set; }

    public Guid ImageId { get; set; }

    public ImageEntity? Image { get; set; }

    /// <summary>The resolved definition: SVE enabled or not is said, and so is the effective set.</summary>
    public required CpuSpec Cpu { get; set; }

    /// <summary>Copy of <c>cpu.count</c>, for filters and constraints.</summary>
    public int VcpuCount { get; set; }

    /// <summary>Copy of <c>cpu.hostProfile</c>, so that a profile in use cannot go away.</summary>
    public required string HostProfile { get; set; }

    public int MemoryMiB { get; set; }

    public required IReadOnlyList<VmDisk> Disks { get; set; }

    public string? CommandLine { get; set; }

    public VmNetwork Network { get; set; }

    public RestartPolicy RestartPolicy { get; set; }

    public DesiredState DesiredState { get; set; }

    /// <summary>Counts changes of the definition.</summary>
    public long Generation { get; set; }

    /// <summary>Counts every change of this row.</summary>
    public long Revision { get; set; }

    /// <summary>The node that alone may run the VM, once one has been chosen.</summary>
    public Guid? NodeId { get; set; }

    public NodeEntity? Node { get; set; }

    public VmStatusEntity? Status { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; set; }

    /// <summary>A deleted VM's row stays, for its snapshots and operations point to it.</summary>
    public DateTimeOffset? DeletedAt { get; set; }
}

/// <summary>What the Worker last observed of a VM. Written by the holder of the lease only.</summary>
public sealed class VmStatusEntity
{
    public Guid VmId { get; init; }

    public VmPhase Phase { get; set; }

    public string? Reason { get; set; }

    public string? Message { get; set; }

    public Guid? NodeId { get; set; }

    public NodeEntity? Node { get; set; }

    public int? ProcessId { get; set; }

    /// <summary>Field 22 of <c>/proc/PID/stat</c>: tells a process from a later one of the same id.</summary>
    public long? ProcessStartTime { get; set; }

    /// <summary>The node's boot on which the process was started.</summary>
    public string? BootId { get; set; }

    public string? SocketPath { get; set; }

    /// <summary>The definition that the running guest was started from.</summary>
    public string? StartedFrom { get; set; }

    public DateTimeOffset? StartedAt { get; set; }

    public VmExit? LastExit { get; set; }

    public long? RetiredInstructions { get; set; }

    /// <summary>The disks as the running guest's process last told; kept when it has ended.</summary>
    public IReadOnlyList<VmDiskStatus>? Disks { get; set; }

    /// <summary>Whether a debugger is attached to the running guest, as its process last told.</summary>
    public bool DebuggerAttached { get; set; }

    public long ObservedGeneration { get; set; }

    public DateTimeOffset ObservedAt { get; set; }

    /// <summary>The lease's epoch under which this was written.</summary>
    public long Epoch { get; set; }

    /// <summary>Counts every change of this row.</summary>
    public long Revision { get; set; }

    /// <summary>Restarts by the restart policy since the owner last asked for a start.</summary>
    public int RestartCount { get; set; }
}

/// <summary>Who may act on a VM. A higher epoch fences every lower one.</summary>
public sealed class VmLeaseEntity
{
    public Guid VmId { get; init; }

    public Guid NodeId { get; set; }

    public long Epoch { get; set; }

    /// <summary>By the database's clock.</summary>
    public DateTimeOffset ExpiresAt { get; set; }
}
