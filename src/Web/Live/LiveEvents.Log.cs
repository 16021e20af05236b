namespace CloudVm.Web.Live;

public sealed partial class LiveEvents
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "The event stream broke and will be resumed: {Reason}")]
    private partial void LogInterrupted(string reason);
}
