namespace CloudVm.Contracts;

/// <summary>One page of a collection.</summary>
/// <typeparam name="T">The resource the collection holds.</typeparam>
public sealed record Page<T>
{
    /// <summary>The resources of this page, in the order that <c>orderBy</c> asked for.</summary>
    public required IReadOnlyList<T> Items { get; init; }

    /// <summary>Opaque token of the next page, bound to the query that made it. Only its absence means the end.</summary>
    public string? NextPageToken { get; init; }
}

/// <summary>The common query of every collection (AIP-132, AIP-158, AIP-160).</summary>
public sealed record ListQuery
{
    /// <summary>How many resources a page holds at most: 1 to 500, 50 when left out.</summary>
    public int? PageSize { get; init; }

    /// <summary>Continues an earlier answer; the rest of the query must be the same.</summary>
    public string? PageToken { get; init; }

    /// <summary>An expression such as <c>status.phase = "running" AND name : "ci"</c>.</summary>
    public string? Filter { get; init; }

    /// <summary>Comma-separated fields, each with an optional <c>desc</c>.</summary>
    public string? OrderBy { get; init; }
}
