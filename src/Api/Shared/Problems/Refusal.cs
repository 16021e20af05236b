using System.Collections.Immutable;
using CloudVm.Contracts.Problems;
using CloudVm.Storage.Entities;

namespace CloudVm.Api.Shared.Problems;

/// <summary>The refusals that handlers give, in one place so that codes and wording stay the same.</summary>
internal static class Refusal
{
    /// <summary>Also for what exists in a project that the principal may not see.</summary>
    public static ProblemException NotFound(string what, object id) =>
        new(StatusCodes.Status404NotFound, ProblemCodes.NotFound, $"There is no {what} '{id}'.");

    public static ProblemException Invalid(IEnumerable<ProblemReason> reasons) =>
        new(StatusCodes.Status422UnprocessableEntity, ProblemCodes.ValidationFailed, "The request is not valid.")
        {
            Reasons = [.. reasons],
        };

    public static ProblemException Invalid(string pointer, string code, string message) =>
        Invalid([new ProblemReason(pointer, code, message)]);

    public static ProblemException BadQuery(string parameter, string message) =>
        new(StatusCodes.Status400BadRequest, ProblemCodes.InvalidRequest, "The query is not valid.")
        {
            Reasons = [new ProblemReason($"?{parameter}", "invalidParameter", message)],
        };

    public static ProblemException BadRequest(string code, string title) => new(StatusCodes.Status400BadRequest, code, title);

    public static ProblemException InProgress(OperationEntity operation) =>
        new(StatusCodes.Status409Conflict, ProblemCodes.OperationInProgress, $"Operation {operation.Id} is under way.")
        {
            OperationId = operation.Id,
            Detail = "Wait for it or cancel it; :stop and DELETE with force supersede it.",
        };

    public static ProblemException Conflict(string code, string title, IEnumerable<ProblemReason>? reasons = null) =>
        new(StatusCodes.Status409Conflict, code, title) { Reasons = reasons?.ToImmutableArray() ?? [] };

    public static ProblemException InvalidState(string title) => Conflict(ProblemCodes.InvalidState, title);

    public static ProblemException NodeUnavailable(string title) =>
        new(StatusCodes.Status503ServiceUnavailable, ProblemCodes.NodeUnavailable, title)
        {
            Headers = ImmutableDictionary<string, string>.Empty.Add("Retry-After", "2"),
        };
}
