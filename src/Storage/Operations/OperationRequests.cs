using CloudVm.Contracts.Vms;

namespace CloudVm.Storage.Operations;

/// <summary>Parameters of operations, as stored in <c>operations.request</c>.</summary>
public static class OperationRequests
{
    /// <summary>Of <c>vmStop</c> and <c>vmDelete</c>; the time-out is the former's.</summary>
    public sealed record Stop(bool Force, int TimeoutSeconds = StopVmRequest.DefaultTimeoutSeconds);

    /// <summary>Of <c>vmSnapshot</c>. The Worker writes the snapshot's row, with this id, when it is complete.</summary>
    public sealed record TakeSnapshot(Guid SnapshotId, string Name, string? Description, Guid? ScheduleId);

    /// <summary>Of <c>vmRestore</c>, <c>snapshotRestore</c> and <c>vmFork</c>; without a snapshot, a fork copies the source VM as it is.</summary>
    public sealed record Restore(Guid? SnapshotId);
}
