using CloudVm.Contracts.Vms;

namespace CloudVm.Worker.Reconciling;

public sealed partial class VmReconciler
{
    [LoggerMessage(1201, LogLevel.Warning, "VM {VmId}: the lease of epoch {Epoch} was taken over")]
    private partial void LogLeaseLost(Guid vmId, long epoch);

    [LoggerMessage(1202, LogLevel.Warning, "VM {VmId}: {Reason}")]
    private partial void LogNotAnswering(Guid vmId, string reason);

    [LoggerMessage(1203, LogLevel.Information, "VM {VmId}: process {ProcessId} ended ({Reason}): {Detail}")]
    private partial void LogEnded(Guid vmId, int processId, VmExitReason reason, string detail);

    [LoggerMessage(1204, LogLevel.Information, "VM {VmId}: restart {Count} by its restart policy")]
    private partial void LogRestarting(Guid vmId, int count);

    [LoggerMessage(1205, LogLevel.Warning, "VM {VmId} cannot be started: {Reason}")]
    private partial void LogCannotStart(Guid vmId, string reason);
}
