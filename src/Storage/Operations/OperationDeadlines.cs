using CloudVm.Contracts.Operations;

namespace CloudVm.Storage.Operations;

/// <summary>How long operations may take, counted from their creation.</summary>
public static class OperationDeadlines
{
    public static TimeSpan Of(OperationKind kind) => kind switch
    {
        OperationKind.VmStart or OperationKind.VmReset => TimeSpan.FromMinutes(2),
        OperationKind.VmStop or OperationKind.VmPause or OperationKind.VmResume => TimeSpan.FromMinutes(2),
        OperationKind.VmDelete => TimeSpan.FromMinutes(5),
        OperationKind.VmSnapshot or OperationKind.VmRestore => TimeSpan.FromMinutes(30),
        OperationKind.VmFork or OperationKind.SnapshotRestore => TimeSpan.FromMinutes(30),
        OperationKind.SnapshotDelete or OperationKind.SnapshotVerify => TimeSpan.FromMinutes(30),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown operation kind."),
    };
}
