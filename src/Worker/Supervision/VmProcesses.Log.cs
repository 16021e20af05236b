namespace CloudVm.Worker.Supervision;

public sealed partial class VmProcesses
{
    [LoggerMessage(1111, LogLevel.Information, "VM {VmId}: attached again to Hypervisor process {ProcessId}")]
    private partial void LogReattached(Guid vmId, int processId);
}
