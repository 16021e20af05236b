using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Machine;

/// <summary>Registers cannot be written as asked; none of them was.</summary>
public sealed class RegisterAccessException(IReadOnlyList<ControlProblemReason> reasons) : Exception(string.Join(" ", reasons.Select(r => r.Detail)))
{
    /// <summary>Every reason, with a JSON pointer into the request.</summary>
    public IReadOnlyList<ControlProblemReason> Reasons { get; } = reasons;
}
