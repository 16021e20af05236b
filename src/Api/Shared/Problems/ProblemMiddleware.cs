using System.Collections.Immutable;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;

namespace CloudVm.Api.Shared.Problems;

/// <summary>Turns whatever goes wrong into a problem document.</summary>
internal sealed partial class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null })
                await ProblemWriter.WriteAsync(context, Unexplained(context.Response.StatusCode));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            LogClientLeft(logger, context.Request.Method, context.Request.Path);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            var refusal = Explain(e);
            if (refusal.Status == StatusCodes.Status500InternalServerError)
                LogFailure(logger, e, context.Request.Method, context.Request.Path);
            else if (refusal.Status > StatusCodes.Status500InternalServerError)
                LogUnavailable(logger, context.Request.Method, context.Request.Path, refusal.Message, e.Message);
            await ProblemWriter.WriteAsync(context, refusal);
        }
    }

    private static ProblemException Explain(Exception e) => e switch
    {
        ProblemException refusal => refusal,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            new(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, "The request body is too large."),
        BadHttpRequestException bad => new(bad.StatusCode, ProblemCodes.InvalidRequest, bad.Message),
        _ when DatabaseFaults.IsLoss(e) => Unavailable("The database cannot be reached; try again."),
        _ when DatabaseFaults.IsContention(e) => Unavailable("The database is contended; try again."),
        _ when DatabaseFaults.FindServerError(e) is { } error => ConstraintRefusals.Explain(error) ?? Broken(),
        _ => Broken(),
    };

    private static ProblemException Broken() =>
        new(StatusCodes.Status500InternalServerError, ProblemCodes.Internal, "The service failed; its log knows more under this trace id.");

    private static ProblemException Unavailable(string title) =>
        new(StatusCodes.Status503ServiceUnavailable, ProblemCodes.Unavailable, title)
        {
            Headers = ImmutableDictionary<string, string>.Empty.Add("Retry-After", "1"),
        };

    private static Problem Unexplained(int status) => status switch
    {
        StatusCodes.Status404NotFound => new() { Status = status, Code = ProblemCodes.NotFound, Title = "There is nothing at this address." },
        StatusCodes.Status405MethodNotAllowed =>
            new() { Status = status, Code = ProblemCodes.MethodNotAllowed, Title = "This address does not take that method." },
        StatusCodes.Status415UnsupportedMediaType =>
            new() { Status = status, Code = ProblemCodes.UnsupportedMediaType, Title = "This address does not take that media type." },
        _ => new() { Status = status, Code = ProblemCodes.InvalidRequest, Title = "The request is not valid." },
    };

    [LoggerMessage(EventId = 100, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogFailure(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(EventId = 102, Level = LogLevel.Warning, Message = "{Method} {Path} could not be served: {Title} ({Cause})")]
    private static partial void LogUnavailable(ILogger logger, string method, string path, string title, string cause);

    [LoggerMessage(EventId = 101, Level = LogLevel.Debug, Message = "The client of {Method} {Path} left")]
    private static partial void LogClientLeft(ILogger logger, string method, string path);
}
