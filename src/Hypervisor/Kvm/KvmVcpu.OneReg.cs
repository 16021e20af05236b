using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_GET_ONE_REG, KVM_SET_ONE_REG and KVM_GET_REG_LIST.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const ulong IdUpperMask = 0xffff_ffff_0000_0000;

    /// <summary>KVM_GET_ONE_REG. <paramref name="data"/> takes as many bytes as the id's size says.</summary>
    public Errno GetOneReg(ulong id, Span<byte> data) => AccessOneReg(id, data, isSet: false);

    /// <summary>KVM_SET_ONE_REG. A failure changes nothing.</summary>
    public Errno SetOneReg(ulong id, ReadOnlySpan<byte> data)
    {
        // One implementation for both directions: setting never writes into the buffer.
        fixed (byte* pointer = data)
            return AccessOneReg(id, new Span<byte>(pointer, data.Length), isSet: true);
    }

    /// <summary>KVM_GET_REG_LIST: every register of this vCPU, in the kernel's order.</summary>
    public Errno GetRegList(List<ulong> ids)
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        if (!IsFinalized)
            return Errno.EPERM;
        ListCore(ids);
        if (HasSve)
            ListSve(ids);
        ids.AddRange(FirmwareIds);
        ListTimers(ids);
        ReadOnlySpan<SystemRegister> invariant = [SystemRegister.MIDR_EL1, SystemRegister.REVIDR_EL1, SystemRegister.AIDR_EL1];
        foreach (var register in invariant)
            ids.Add(RegisterId.SystemRegister(register));
        foreach (var row in SystemRegisterTable.Rows)
        {
            if (row.IsVisibleTo(this) && !invariant.Contains(row.Register))
                ids.Add(RegisterId.SystemRegister(row.Register));
        }

        for (var csselr = 0u; csselr < DemuxCount; csselr++)
            ids.Add(RegisterId.Arm64 | RegisterId.U32 | RegisterId.Demux | csselr);
        return Errno.Ok;
    }

    /// <summary>For whoever sets registers that decide about translation after the vCPU has run: nothing cached stays.</summary>
    internal void InvalidateTranslations() => _engine.InvalidateAllTranslations();

    internal ref ulong Shadow(int index) => ref _shadow[index];

    /// <summary>An ID register as this vCPU sees it.</summary>
    internal ulong IdentificationValue(SystemRegister register) => register switch
    {
        SystemRegister.MIDR_EL1 => _context->VpidrEl2,
        SystemRegister.REVIDR_EL1 or SystemRegister.AIDR_EL1 => 0,
        SystemRegister.CLIDR_EL1 => IdRegisters.Clidr,
        SystemRegister.CTR_EL0 => IdRegisters.Ctr,
        SystemRegister.ID_AA64ZFR0_EL1 when !HasSve => 0,
        SystemRegister.ID_AA64PFR0_EL1 when !HasSve =>
            IdRegisters.HostValue(register, _vm.Features) & ~IdRegisters.Pfr0SveMask,
        SystemRegister.ID_AA64ISAR1_EL1 when !HasPtrauth =>
            IdRegisters.HostValue(register, _vm.Features) & ~IdRegisters.Isar1PtrauthMask,
        _ => IdRegisters.HostValue(register, _vm.Features),
    };

    private Errno AccessOneReg(ulong id, Span<byte> data, bool isSet)
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        ApplyPendingReset();
        if ((id & IdUpperMask & ~RegisterId.SizeMask) != RegisterId.Arm64)
            return Errno.EINVAL;
        switch (id & RegisterId.GroupMask)
        {
            case RegisterId.Core:
                return AccessCore(id, data, isSet);
            case RegisterId.Firmware or RegisterId.FirmwareBitmap:
                return AccessFirmware(id, data, isSet);
            case RegisterId.Sve:
                return AccessSve(id, data, isSet);
        }

        if (TimerRegister(id) is { } timer)
            return AccessTimer(timer, data, isSet);
        return (id & RegisterId.GroupMask) switch
        {
            RegisterId.Demux => AccessDemux(id, data, isSet),
            RegisterId.SysReg => AccessSystemRegister(id, data, isSet),
            _ => Errno.ENOENT,
        };
    }

    private Errno AccessSystemRegister(ulong id, Span<byte> data, bool isSet)
    {
        const ulong UnusedBits = 0xf000_0000;
        if ((id & RegisterId.SizeMask) != RegisterId.U64 || (id & UnusedBits) != 0
            || SystemRegisterTable.Find(this, (SystemRegister)(ushort)id) is not { } row)
            return Errno.ENOENT;
        if (data.Length < sizeof(ulong))
            return Errno.EFAULT;
        if (!isSet)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, SystemRegisterTable.Read(this, _context, row));
            return Errno.Ok;
        }

        var value = BinaryPrimitives.ReadUInt64LittleEndian(data);
        switch (row.Home)
        {
            case RegisterHome.Field when row.Register == SystemRegister.OSLSR_EL1
                && ((value ^ _context->OslsrEl1) & ~SelfHostedDebug.OslsrLocked) != 0:
                return Errno.EINVAL; // set_oslsr_el1: only the lock itself can change
            case RegisterHome.Field:
                row.Field!(ref *_context) = value;
                return Errno.Ok;
            case RegisterHome.Shadow:
                _shadow[row.Shadow] = value;
                return Errno.Ok;
            case RegisterHome.ReadAsZero when row.Register < SystemRegister.ID_AA64PFR0_EL1:
                return Errno.Ok; // AArch32 ID registers of a 64-bit-only host ignore writes
            default:
                if (value == SystemRegisterTable.Read(this, _context, row))
                    return Errno.Ok;
                return _hasRun && _vm.Abi.FeaturesAreVmWide ? Errno.EBUSY : Errno.EINVAL;
        }
    }

    private static Errno AccessDemux(ulong id, Span<byte> data, bool isSet)
    {
        const ulong DemuxIdMask = 0xff00;
        var csselr = (uint)(id & 0xff);
        if ((id & RegisterId.SizeMask) != RegisterId.U32 || (id & DemuxIdMask) != 0 || csselr >= DemuxCount)
            return Errno.ENOENT;
        if (data.Length < sizeof(uint))
            return Errno.EFAULT;
        var value = csselr <= 1 ? (uint)IdRegisters.Ccsidr : 0;
        if (isSet)
            return BinaryPrimitives.ReadUInt32LittleEndian(data) == value ? Errno.Ok : Errno.EINVAL;
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        return Errno.Ok;
    }
}
