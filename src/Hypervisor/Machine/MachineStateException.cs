using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A call does not fit the state that the machine is in.</summary>
public sealed class MachineStateException(MachineState state, string verb)
    : Exception($"A machine in state {state} cannot be {verb}.")
{
    public MachineState State { get; } = state;
}
