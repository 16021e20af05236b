using CloudVm.Contracts.Operations;

namespace CloudVm.Storage.Entities;

/// <summary>Work for a Worker, and the record of it.</summary>
public sealed class OperationEntity
{
    public Guid Id { get; init; }

    public Guid ProjectId { get; init; }

    public OperationKind Kind { get; init; }

    public OperationState State { get; set; }

    /// <summary>Waits behind another operation of its VM; not to be claimed yet.</summary>
    public bool Queued { get; set; }

    public int Progress { get; set; }

    public required string Phase { get; set; }

    /// <summary>The VM that the operation changes; at most one is active for each.</summary>
    public Guid? VmId { get; init; }

    /// <summary>Another VM that must hold still meanwhile: the source of a fork.</summary>
    public Guid? SourceVmId { get; init; }

    public required string TargetType { get; init; }

    public required string TargetId { get; init; }

    public string? TargetName { get; init; }

    /// <summary>The parameters, as JSON of the kind's request record.</summary>
    public required string Request { get; init; }

    public string? Result { get; set; }

    /// <summary>JSON of a <see cref="Contracts.Problems.Problem"/>.</summary>
    public string? Problem { get; set; }

    public required string CreatedBy { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    public DateTimeOffset Deadline { get; init; }

    /// <summary>The node that works on it.</summary>
    public Guid? NodeId { get; set; }

    /// <summary>The lease's epoch under which it was last claimed.</summary>
    public long? Epoch { get; set; }

    /// <summary>How often it was claimed.</summary>
    public int Attempt { get; set; }
}
