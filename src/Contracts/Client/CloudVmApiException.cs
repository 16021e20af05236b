using System.Net;
using CloudVm.Contracts.Problems;

namespace CloudVm.Contracts.Client;

/// <summary>The API refused a request or failed; carries the problem with all its reasons.</summary>
public sealed class CloudVmApiException(HttpStatusCode status, Problem problem, TimeSpan? retryAfter = null)
    : Exception(Describe(problem))
{
    public HttpStatusCode Status { get; } = status;

    public Problem Problem { get; } = problem;

    /// <summary>When to try again, where the API says so.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;

    private static string Describe(Problem problem)
    {
        var head = problem.Detail ?? problem.Title;
        return problem.Errors.Count == 0
            ? head
            : head + string.Concat(problem.Errors.Select(e => $"{Environment.NewLine}  {e.Pointer}: {e.Message}"));
    }
}
