namespace CloudVm.Hypervisor.Kvm;

/// <summary><c>struct kvm_userspace_memory_region</c>.</summary>
/// <param name="Slot">Number of the slot; 0 to 32766.</param>
/// <param name="Flags">KVM_MEM_*: <see cref="LogDirtyPages"/>, <see cref="ReadOnly"/>.</param>
/// <param name="GuestPhysicalAddress">Where the slot starts; a multiple of 4096.</param>
/// <param name="MemorySize">Bytes, a multiple of 4096; 0 deletes the slot.</param>
/// <param name="UserspaceAddress">
/// Where the monitor has the memory; a multiple of 4096. Only its identity counts, because the VM keeps the memory itself: zero when a
/// slot is created, moved with it, and gone with it.
/// </param>
public readonly record struct KvmMemoryRegion(
    uint Slot, uint Flags, ulong GuestPhysicalAddress, ulong MemorySize, ulong UserspaceAddress)
{
    public const uint LogDirtyPages = 1;
    public const uint ReadOnly = 2;
}
