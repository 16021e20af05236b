using CloudVm.Contracts.Problems;

namespace CloudVm.Worker.Operations;

/// <summary>An operation cannot succeed, for reasons that its owner is told.</summary>
public sealed class OperationFailedException(Problem problem, Exception? inner = null) : Exception(problem.Detail ?? problem.Title, inner)
{
    /// <summary>Every reason.</summary>
    public Problem Problem { get; } = problem;

    /// <summary>The VM or snapshot is not in the state that the operation needs.</summary>
    public static OperationFailedException InvalidState(string detail) =>
        new(new Problem { Title = "The operation does not fit the present state", Status = 409, Code = ProblemCodes.InvalidState, Detail = detail });

    /// <summary>The snapshot does not fit the VM.</summary>
    public static OperationFailedException Incompatible(IReadOnlyList<ProblemReason> reasons) =>
        new(new Problem
        {
            Title = "The snapshot does not fit the VM",
            Status = 422,
            Code = ProblemCodes.IncompatibleSnapshot,
            Detail = string.Join(" ", reasons.Select(reason => reason.Message)),
            Errors = reasons,
        });
}
