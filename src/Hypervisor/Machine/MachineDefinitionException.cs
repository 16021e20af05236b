using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A machine definition cannot be built; carries every reason.</summary>
public sealed class MachineDefinitionException(IReadOnlyList<ControlProblemReason> reasons)
    : Exception(string.Join(' ', reasons.Select(r => r.Detail)))
{
    public IReadOnlyList<ControlProblemReason> Reasons { get; } = reasons;
}
