using System.Net.WebSockets;
using System.Text.Json;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Problems;

namespace CloudVm.Web.Components.Shared;

/// <summary>Turns failures into problems that can be shown.</summary>
public static class Problems
{
    /// <summary>The problem behind an exception, or null when it is a defect and not a failure.</summary>
    public static Problem? Of(Exception exception) => exception switch
    {
        CloudVmApiException api => api.Problem,
        HttpRequestException or WebSocketException or IOException => new Problem
        {
            Title = "The API cannot be reached.",
            Status = StatusCodes.Status503ServiceUnavailable,
            Code = ProblemCodes.Unavailable,
            Detail = exception.Message,
        },
        JsonException => new Problem
        {
            Title = "The API's answer could not be read.",
            Status = StatusCodes.Status502BadGateway,
            Code = ProblemCodes.Internal,
            Detail = exception.Message,
        },
        _ => null,
    };

    /// <summary>The reasons that concern one member of a request, such as <c>/name</c>.</summary>
    public static IEnumerable<ProblemReason> At(this Problem? problem, string pointer) =>
        problem?.Errors.Where(e => e.Pointer == pointer || e.Pointer.StartsWith(pointer + "/", StringComparison.Ordinal)) ?? [];
}
