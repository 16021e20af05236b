using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Machine;

/// <summary>How a machine ended.</summary>
public sealed record MachineExit(MachineExitReason Reason, string? Detail);
