namespace CloudVm.Contracts.Control;

/// <summary>A Hypervisor process refused a control call.</summary>
public sealed class HypervisorControlException(ControlProblem problem) : Exception(Describe(problem))
{
    /// <summary>The refusal with every reason.</summary>
    public ControlProblem Problem { get; } = problem;

    private static string Describe(ControlProblem problem)
    {
        var reasons = string.Join("; ", problem.Errors.Select(e => e.Detail));
        var detail = problem.Detail is null ? problem.Title : $"{problem.Title}: {problem.Detail}";
        return reasons.Length == 0 ? detail : $"{detail} ({reasons})";
    }
}
