using System.Text.Json;
using CloudVm.Contracts.Problems;

namespace CloudVm.Contracts.Operations;

/// <summary>Work that takes time. Kept for 30 days after its end.</summary>
public sealed record Operation
{
    public required Guid Id { get; init; }

    public required OperationKind Kind { get; init; }

    public required OperationState State { get; init; }

    /// <summary>True once <see cref="State"/> is final.</summary>
    public required bool Done { get; init; }

    /// <summary>0 to 100.</summary>
    public required int Progress { get; init; }

    /// <summary>What is being done now, such as <c>queued</c> or <c>savingMemory</c>.</summary>
    public required string Phase { get; init; }

    public required ResourceReference Target { get; init; }

    /// <summary>What came out of it, such as <c>{"snapshotId": …}</c>; only when succeeded.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>Why it failed or was cancelled.</summary>
    public Problem? Problem { get; init; }

    /// <summary>Name of the principal that asked for it; a schedule's is <c>schedule:{id}</c>.</summary>
    public required string CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>When it fails by itself if it has not ended before.</summary>
    public required DateTimeOffset Deadline { get; init; }
}

/// <summary>Stored by name: a name never changes.</summary>
public enum OperationKind
{
    VmStart = 0,
    VmStop = 1,
    VmPause = 2,
    VmResume = 3,
    VmReset = 4,
    VmSnapshot = 5,
    VmRestore = 6,
    VmFork = 7,
    VmDelete = 8,
    SnapshotDelete = 9,
    SnapshotVerify = 10,
    SnapshotRestore = 11,
}

/// <summary>Stored by name: a name never changes.</summary>
public enum OperationState
{
    Pending = 0,
    Running = 1,
    Cancelling = 2,
    Succeeded = 3,
    Failed = 4,
    Cancelled = 5,
}

/// <summary>What the states mean.</summary>
public static class OperationStates
{
    /// <summary>True for states that never change again.</summary>
    public static bool IsFinal(this OperationState state) =>
        state is OperationState.Succeeded or OperationState.Failed or OperationState.Cancelled;
}
