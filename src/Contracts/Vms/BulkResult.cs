using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;

namespace CloudVm.Contracts.Vms;

/// <summary>Answer of a bulk call (207): one item per id, in the order of the request.</summary>
public sealed record BulkResult
{
    public required IReadOnlyList<BulkItem> Items { get; init; }
}

/// <summary>What a bulk call did with one VM: either an operation or a problem.</summary>
public sealed record BulkItem
{
    public required Guid Id { get; init; }

    /// <summary>The HTTP status that a call for this VM alone would have answered.</summary>
    public required int Status { get; init; }

    public Operation? Operation { get; init; }

    public Problem? Problem { get; init; }
}
