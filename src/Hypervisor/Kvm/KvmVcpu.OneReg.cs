namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// KVM_GET_ONE_REG and KVM_SET_ONE_REG. A null id stands for a <c>struct kvm_one_reg</c> that cannot be read, and fewer bytes of data than
/// the register has, such as none, for a data pointer that cannot be used; both are EFAULT when their turn comes.
/// </summary>
public sealed unsafe partial class KvmVcpu
{
    private const ulong IdUpperMask = 0xffff_ffff_0000_0000;

    /// <summary>Bits 31:28 and the index: what lies in bits 31:28 puts an index out of every range.</summary>
    private const ulong IndexMask = 0xf000_ffff;

    /// <summary>KVM_GET_ONE_REG. Of <paramref name="data"/> as many bytes are written as the id's size says.</summary>
    public Errno GetOneReg(ulong? id, Span<byte> data) => AccessOneReg(id, data, isSet: false);

    /// <summary>KVM_SET_ONE_REG. A failure changes nothing.</summary>
    public Errno SetOneReg(ulong? id, ReadOnlySpan<byte> data)
    {
        // One implementation for both directions: setting never writes into the buffer.
        fixed (byte* pointer = data)
            return AccessOneReg(id, new Span<byte>(pointer, data.Length), isSet: true);
    }

    /// <summary>For whoever sets registers that decide about translation after the vCPU has run: nothing cached stays.</summary>
    internal void InvalidateTranslations() => _engine.InvalidateAllTranslations();

    private Errno AccessOneReg(ulong? wanted, Span<byte> data, bool isSet)
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        if (wanted is not { } id)
            return Errno.EFAULT;
        ApplyPendingReset();
        if ((id & IdUpperMask & ~RegisterId.SizeMask) != RegisterId.Arm64)
            return Errno.EINVAL;
        switch (id & RegisterId.GroupMask)
        {
            case RegisterId.Core:
                return AccessCore(id, data, isSet);
            case RegisterId.Firmware or RegisterId.FirmwareBitmap:
                return AccessFirmware(id, data, isSet);
            case RegisterId.Sve when HasSve || _vm.Abi.SveIdsAreChecked:
                return AccessSve(id, data, isSet);
        }

        if (TimerRegister(id) is { } timer)
            return AccessTimer(timer, data, isSet);
        return (id & RegisterId.GroupMask) == RegisterId.Demux ? AccessCache(id, data, isSet) : AccessSystemRegister(id, data, isSet);
    }
}
