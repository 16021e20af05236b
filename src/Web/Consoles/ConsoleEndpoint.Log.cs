namespace CloudVm.Web.Consoles;

public static partial class ConsoleEndpoint
{
    [LoggerMessage(EventId = 30, Level = LogLevel.Information, Message = "The console of VM {VmId} could not be attached: {Reason}")]
    private static partial void LogRefused(ILogger logger, Guid vmId, string reason);
}
