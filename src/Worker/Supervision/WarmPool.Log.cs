namespace CloudVm.Worker.Supervision;

public sealed partial class WarmPool
{
    [LoggerMessage(1101, LogLevel.Warning, "An idle Hypervisor process could not be started; next try in {Retry}")]
    private partial void LogRefillFailed(Exception failure, TimeSpan retry);

    [LoggerMessage(1102, LogLevel.Warning, "Idle Hypervisor process {ProcessId} ended and is replaced")]
    private partial void LogIdleProcessEnded(int processId);
}
