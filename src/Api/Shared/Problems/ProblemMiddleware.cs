using System.Collections.Immutable;
using CloudVm.Contracts.Problems;
using Microsoft.EntityFrameworkCore;
using Npgsql;

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
            if (refusal.Status >= StatusCodes.Status500InternalServerError)
                LogFailure(logger, e, context.Request.Method, context.Request.Path);
            await ProblemWriter.WriteAsync(context, refusal);
        }
    }

    private static ProblemException Explain(Exception e) => e switch
    {
        ProblemException refusal => refusal,
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            new(StatusCodes.Status413PayloadTooLarge, ProblemCodes.TooLarge, "The request body is too large."),
        BadHttpRequestException bad => new(bad.StatusCode, ProblemCodes.InvalidRequest, bad.Message),
        DbUpdateException { InnerException: PostgresException inner } => ConstraintRefusals.Explain(inner) ?? Broken(),
        PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected } => Busy(),
        PostgresException { SqlState: var state } when state.StartsWith("57", StringComparison.Ordinal) => NoDatabase(),
        DbUpdateException { InnerException: NpgsqlException } or InvalidOperationException { InnerException: NpgsqlException } => NoDatabase(),
        PostgresException => Broken(),
        NpgsqlException => NoDatabase(),
        _ => Broken(),
    };

    private static ProblemException Broken() =>
        new(StatusCodes.Status500InternalServerError, ProblemCodes.Internal, "The service failed; its log knows more under this trace id.");

    private static ProblemException Busy() => Unavailable("The database is contended; try again.");

    private static ProblemException NoDatabase() => Unavailable("The database cannot be reached; try again.");

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

    [LoggerMessage(EventId = 101, Level = LogLevel.Debug, Message = "The client of {Method} {Path} left")]
    private static partial void LogClientLeft(ILogger logger, string method, string path);
}
