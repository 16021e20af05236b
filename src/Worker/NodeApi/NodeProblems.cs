using CloudVm.Contracts.Control;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Worker.NodeApi;

/// <summary>The problems that the node answers; the Api hands them on.</summary>
internal static class NodeProblems
{
    public static IResult Unauthenticated() =>
        Of(401, ProblemCodes.Unauthenticated, "The node's secret is missing or wrong", "Send 'Authorization: Node <secret>'.");

    public static IResult NoGuest() =>
        Of(409, ProblemCodes.InvalidState, "The VM has no guest", "It is not running on this node.");

    public static IResult NotFound(string detail) => Of(404, ProblemCodes.NotFound, "There is no such thing", detail);

    public static IResult Invalid(string pointer, string message) => Results.Json(
        new Problem
        {
            Title = "The request is invalid",
            Status = 400,
            Code = ProblemCodes.InvalidRequest,
            Detail = message,
            Errors = [new ProblemReason(pointer, ProblemCodes.InvalidRequest, message)],
        },
        CloudVmJson.Options, "application/problem+json", 400);

    /// <summary>What a Hypervisor process refused.</summary>
    public static IResult Of(HypervisorControlException refused) => refused.Problem.Code switch
    {
        ControlProtocol.ProblemCodes.NotFound => NotFound(refused.Problem.Detail ?? refused.Message),
        ControlProtocol.ProblemCodes.InvalidState =>
            Of(409, ProblemCodes.InvalidState, "The VM's state does not allow this", refused.Problem.Detail ?? refused.Message),
        ControlProtocol.ProblemCodes.StaleEpoch => Unavailable("This node is taking the VM over; ask again."),
        ControlProtocol.ProblemCodes.InvalidRegister => Results.Json(
            new Problem
            {
                Title = refused.Problem.Title,
                Status = 422,
                Code = ProblemCodes.ValidationFailed,
                Errors = [.. refused.Problem.Errors.Select(e => new ProblemReason(e.Pointer, ProblemCodes.ValidationFailed, e.Detail))],
            },
            CloudVmJson.Options, "application/problem+json", 422),
        _ => Invalid("", refused.Message),
    };

    public static IResult Unavailable(string detail) =>
        Of(503, ProblemCodes.NodeUnavailable, "The VM's process does not answer", detail);

    private static IResult Of(int status, string code, string title, string detail) => Results.Json(
        new Problem { Title = title, Status = status, Code = code, Detail = detail }, CloudVmJson.Options, "application/problem+json", status);
}
