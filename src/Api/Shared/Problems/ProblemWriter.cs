using System.Diagnostics;
using System.Text.Json;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Api.Shared.Problems;

/// <summary>Writes RFC 9457 problems.</summary>
internal static class ProblemWriter
{
    public const string MediaType = "application/problem+json";

    public static Problem ToProblem(this ProblemException refusal) => new()
    {
        Title = refusal.Message,
        Status = refusal.Status,
        Code = refusal.Code,
        Detail = refusal.Detail,
        Errors = refusal.Reasons,
        Operation = refusal.OperationId is { } id ? $"{ApiRoutes.Root}/operations/{id}" : null,
    };

    public static Task WriteAsync(HttpContext context, ProblemException refusal)
    {
        foreach (var (name, value) in refusal.Headers)
            context.Response.Headers[name] = value;
        return WriteAsync(context, refusal.ToProblem());
    }

    public static async Task WriteAsync(HttpContext context, Problem problem)
    {
        problem = problem with
        {
            Instance = context.Request.Path,
            TraceId = Activity.Current?.TraceId.ToString() ?? context.TraceIdentifier,
        };
        context.Response.StatusCode = problem.Status;
        context.Response.ContentType = MediaType;
        await JsonSerializer.SerializeAsync(context.Response.Body, problem, CloudVmJson.Options, context.RequestAborted);
    }
}
