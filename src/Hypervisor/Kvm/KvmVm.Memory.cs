namespace CloudVm.Hypervisor.Kvm;

/// <summary>Memory slots.</summary>
public sealed partial class KvmVm
{
    private readonly MemorySlots _slots;

    /// <summary>The slots in use, by number.</summary>
    public IEnumerable<KvmMemoryRegion> MemoryRegions => _slots.Slots;

    /// <summary>Most bytes that all slots together may have; SET_USER_MEMORY_REGION fails with ENOMEM beyond.</summary>
    public ulong MemoryLimitBytes
    {
        get => _slots.LimitBytes;
        set => _slots.LimitBytes = value;
    }

    /// <summary>
    /// KVM_SET_USER_MEMORY_REGION: creates a slot, moves it, changes its flags, or deletes it (size 0). A write to a read-only slot exits
    /// as MMIO. EINVAL: a malformed region, deleting a slot that is not there, another size or userspace address for one that is. EEXIST:
    /// the slot would overlap another. EFAULT: it reaches beyond the guest's addresses. ENOMEM: beyond <see cref="MemoryLimitBytes"/>.
    /// A failure changes nothing.
    /// </summary>
    /// <remarks>No vCPU may run meanwhile.</remarks>
    public Errno SetUserMemoryRegion(KvmMemoryRegion region)
    {
        lock (_gate)
            return _slots.Set(region);
    }
}
