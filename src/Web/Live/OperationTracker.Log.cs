namespace CloudVm.Web.Live;

public sealed partial class OperationTracker
{
    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "Operations could not be read: {Reason}")]
    private partial void LogReadFailed(string reason);
}
