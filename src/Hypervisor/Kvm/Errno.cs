namespace CloudVm.Hypervisor.Kvm;

/// <summary>Results of KVM calls, with Linux's numbers (positive; the system call returns them negated).</summary>
public enum Errno
{
    Ok = 0,
    EPERM = 1,
    ENOENT = 2,
    EINTR = 4,
    EIO = 5,
    ENXIO = 6,
    E2BIG = 7,
    ENOEXEC = 8,
    EAGAIN = 11,
    ENOMEM = 12,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    EINVAL = 22,
    ENOSYS = 38,

    /// <summary>No kernel's answer: the vCPU is legal, but the engine cannot execute it. See <see cref="KvmRun.Detail"/>.</summary>
    EOPNOTSUPP = 95,
}
