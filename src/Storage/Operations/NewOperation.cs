using CloudVm.Contracts;
using CloudVm.Contracts.Operations;

namespace CloudVm.Storage.Operations;

/// <summary>An operation to enqueue.</summary>
public sealed record NewOperation
{
    public required OperationKind Kind { get; init; }

    public required Guid ProjectId { get; init; }

    public required ResourceReference Target { get; init; }

    /// <summary>The VM it changes, which must have no other active operation unless <see cref="Queued"/>.</summary>
    public Guid? VmId { get; init; }

    /// <summary>Another VM that must hold still meanwhile.</summary>
    public Guid? SourceVmId { get; init; }

    /// <summary>Waits behind the VM's other operations, as scheduled work does.</summary>
    public bool Queued { get; init; }

    /// <summary>What it may take longer than usual (<see cref="OperationDeadlines"/>), as its request says.</summary>
    public TimeSpan ExtraTime { get; init; }

    /// <summary>One of the records of <see cref="OperationRequests"/>.</summary>
    public object? Request { get; init; }

    public required string CreatedBy { get; init; }
}
