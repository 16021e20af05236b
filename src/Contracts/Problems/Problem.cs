namespace CloudVm.Contracts.Problems;

/// <summary>An RFC 9457 problem.</summary>
public sealed record Problem
{
    /// <summary>A URI reference that identifies the kind of problem.</summary>
    public string Type { get; init; } = "about:blank";

    public required string Title { get; init; }

    public required int Status { get; init; }

    /// <summary>Stable machine-readable code, one of <see cref="ProblemCodes"/>.</summary>
    public required string Code { get; init; }

    public string? Detail { get; init; }

    public string? Instance { get; init; }

    /// <summary>Every reason, not only the first.</summary>
    public IReadOnlyList<ProblemReason> Errors { get; init; } = [];

    /// <summary>For conflicts: link to the operation that is in the way.</summary>
    public string? Operation { get; init; }

    /// <summary>Correlates with the service's logs.</summary>
    public string? TraceId { get; init; }
}

/// <summary>One reason of a problem.</summary>
/// <param name="Pointer">JSON pointer into the request body (RFC 6901), or <c>?name</c> for a query parameter; empty for the whole.</param>
/// <param name="Code">Stable machine-readable code.</param>
/// <param name="Message">One sentence for a person.</param>
public sealed record ProblemReason(string Pointer, string Code, string Message);

/// <summary>The codes of problems.</summary>
public static class ProblemCodes
{
    public const string InvalidRequest = "invalidRequest";
    public const string ValidationFailed = "validationFailed";
    public const string MalformedJson = "malformedJson";
    public const string UnsupportedMediaType = "unsupportedMediaType";
    public const string Unauthenticated = "unauthenticated";
    public const string SignInFailed = "signInFailed";
    public const string LockedOut = "lockedOut";
    public const string Forbidden = "forbidden";
    public const string NotFound = "notFound";
    public const string MethodNotAllowed = "methodNotAllowed";
    public const string Conflict = "conflict";
    public const string OperationInProgress = "operationInProgress";
    public const string InvalidState = "invalidState";
    public const string NameTaken = "nameTaken";
    public const string InUse = "inUse";
    public const string PreconditionRequired = "preconditionRequired";
    public const string PreconditionFailed = "preconditionFailed";
    public const string IdempotencyInFlight = "idempotencyInFlight";
    public const string IdempotencyMismatch = "idempotencyMismatch";
    public const string TooLarge = "tooLarge";
    public const string TooManyRequests = "tooManyRequests";
    public const string PositionExpired = "positionExpired";
    public const string NodeUnavailable = "nodeUnavailable";
    public const string IncompatibleSnapshot = "incompatibleSnapshot";
    public const string DeadlineExceeded = "deadlineExceeded";
    public const string Cancelled = "cancelled";
    public const string Superseded = "superseded";
    public const string Internal = "internal";
    public const string Unavailable = "unavailable";
}
