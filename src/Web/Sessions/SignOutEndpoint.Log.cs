namespace CloudVm.Web.Sessions;

public static partial class SignOutEndpoint
{
    [LoggerMessage(EventId = 20, Level = LogLevel.Warning, Message = "A token could not be revoked at sign-out: {Reason}")]
    private static partial void LogNotRevoked(ILogger logger, string reason);
}
