using System.Collections.Immutable;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.Shared.Problems;

/// <summary>A refusal: ends the request with a problem and undoes what it did so far.</summary>
internal sealed class ProblemException(int status, string code, string title) : Exception(title)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string? Detail { get; init; }

    public ImmutableArray<ProblemReason> Reasons { get; init; } = [];

    /// <summary>The operation that is in the way.</summary>
    public Guid? OperationId { get; init; }

    /// <summary>Response headers that go with the problem.</summary>
    public ImmutableDictionary<string, string> Headers { get; init; } = ImmutableDictionary<string, string>.Empty;
}
