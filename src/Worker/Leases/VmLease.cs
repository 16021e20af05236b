namespace CloudVm.Worker.Leases;

/// <summary>The right to act on a VM. A higher epoch shuts out every lower one, in the database and in the Hypervisor process.</summary>
public readonly record struct VmLease(Guid VmId, Guid NodeId, long Epoch);

/// <summary>Another claim has a higher epoch: whatever was being done must stop, and must not be undone.</summary>
public sealed class LeaseLostException(Guid vmId) : Exception($"The lease of VM {vmId} was taken over.");
