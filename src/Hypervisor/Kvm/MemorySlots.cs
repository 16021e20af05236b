using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>The memory slots of a VM: stage 2 as a table. Checks and their order are those of __kvm_set_memory_region.</summary>
/// <remarks>Thread: one at a time, while no vCPU runs.</remarks>
internal sealed class MemorySlots
{
    /// <summary>KVM_MEM_SLOTS_NUM.</summary>
    public const int Count = short.MaxValue;

    private const ulong PageMask = 0xfff;
    private const ulong MaxPages = int.MaxValue;
    private const uint IdMask = 0xffff;

    /// <summary>Addresses that a user process can have (TASK_SIZE with 48 bits).</summary>
    private const ulong UserAddressEnd = 1UL << 48;

    private readonly GuestMemory _memory;
    private readonly SortedDictionary<uint, KvmMemoryRegion> _slots = [];

    /// <summary>All of a memory without holes is slot 0 from the start.</summary>
    public MemorySlots(GuestMemory memory)
    {
        _memory = memory;
        foreach (var part in memory.Parts)
            _slots.Add((uint)_slots.Count, new KvmMemoryRegion((uint)_slots.Count, 0, part.Start, part.Bytes, part.Start));
    }

    /// <summary>Most bytes of all slots together.</summary>
    public ulong LimitBytes { get; set; } = ulong.MaxValue;

    public IEnumerable<KvmMemoryRegion> Slots => _slots.Values;

    /// <summary>KVM_SET_USER_MEMORY_REGION. A failure changes nothing.</summary>
    public Errno Set(KvmMemoryRegion region)
    {
        if (!IsWellFormed(region))
            return Errno.EINVAL;
        var exists = _slots.TryGetValue(region.Slot, out var old);
        if (region.MemorySize == 0)
        {
            if (!exists)
                return Errno.EINVAL;
            _slots.Remove(region.Slot);
            Apply();
            return Errno.Ok;
        }

        if (exists)
        {
            if (region.UserspaceAddress != old.UserspaceAddress || region.MemorySize != old.MemorySize
                || ((region.Flags ^ old.Flags) & KvmMemoryRegion.ReadOnly) != 0)
                return Errno.EINVAL;
            if (region == old)
                return Errno.Ok;
        }

        var start = region.GuestPhysicalAddress;
        var end = start + region.MemorySize;
        if (_slots.Values.Any(slot => slot.Slot != region.Slot && slot.GuestPhysicalAddress < end && start < slot.GuestPhysicalAddress + slot.MemorySize))
            return Errno.EEXIST;
        if (start < _memory.Base || end > _memory.Base + (ulong)_memory.Size)
            return Errno.EFAULT; // outside the guest's intermediate physical addresses
        if (!exists && _slots.Values.Aggregate(region.MemorySize, (sum, slot) => sum + slot.MemorySize) > LimitBytes)
            return Errno.ENOMEM;

        if (exists && start != old.GuestPhysicalAddress)
            _memory.MoveContent(PartOf(old), start);
        _slots[region.Slot] = region;
        Apply();
        return Errno.Ok;
    }

    private static bool IsWellFormed(KvmMemoryRegion region) =>
        (region.Flags & ~(KvmMemoryRegion.LogDirtyPages | KvmMemoryRegion.ReadOnly)) == 0
        && (region.MemorySize & PageMask) == 0
        && (region.GuestPhysicalAddress & PageMask) == 0
        && (region.UserspaceAddress & PageMask) == 0
        && region.UserspaceAddress <= UserAddressEnd
        && region.MemorySize <= UserAddressEnd - region.UserspaceAddress
        && region.Slot >> 16 == 0 // there is one address space
        && (region.Slot & IdMask) < Count
        && region.GuestPhysicalAddress + region.MemorySize >= region.GuestPhysicalAddress
        && region.MemorySize / (PageMask + 1) <= MaxPages;

    private static MemoryPart PartOf(KvmMemoryRegion slot) =>
        new(slot.GuestPhysicalAddress, slot.MemorySize, (slot.Flags & KvmMemoryRegion.ReadOnly) != 0);

    private void Apply() => _memory.SetParts(_slots.Values.Select(slot => PartOf(slot)));
}
