namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// <c>struct kvm_reg_list</c>. Where a call takes one, null stands for a pointer that cannot be read: EFAULT.
/// </summary>
/// <param name="capacity">Ids that <see cref="Ids"/> has room for, and the first value of <see cref="Count"/>.</param>
public sealed class KvmRegList(int capacity)
{
    /// <summary>Before the call the ids that the caller has room for, after it the ids that there are, even when they did not fit.</summary>
    public ulong Count { get; set; } = (ulong)capacity;

    /// <summary>Receives the ids.</summary>
    public ulong[] Ids { get; } = new ulong[capacity];
}
