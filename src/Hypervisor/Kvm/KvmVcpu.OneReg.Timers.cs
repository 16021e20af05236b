using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's timer registers, which have ids of the group SYSREG.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>The timer register that an id means, with the swap undone; null for any other id.</summary>
    private SystemRegister? TimerRegister(ulong id)
    {
        if ((id & ~0xfffful) != (RegisterId.Arm64 | RegisterId.U64 | RegisterId.SysReg))
            return null;
        return (SystemRegister)(ushort)id switch
        {
            SystemRegister.CNTV_CTL_EL0 => SystemRegister.CNTV_CTL_EL0,
            SystemRegister.CNTV_CVAL_EL0 => SystemRegister.CNTVCT_EL0,
            SystemRegister.CNTVCT_EL0 => SystemRegister.CNTV_CVAL_EL0,
            SystemRegister.CNTP_CTL_EL0 when _vm.Abi.PhysicalTimerIsListed => SystemRegister.CNTP_CTL_EL0,
            SystemRegister.CNTPCT_EL0 when _vm.Abi.PhysicalTimerIsListed => SystemRegister.CNTPCT_EL0,
            SystemRegister.CNTP_CVAL_EL0 when _vm.Abi.PhysicalTimerIsListed => SystemRegister.CNTP_CVAL_EL0,
            _ => null,
        };
    }

    private Errno AccessTimer(SystemRegister register, Span<byte> data, bool isSet)
    {
        if (data.Length < sizeof(ulong))
            return Errno.EFAULT;
        if (!isSet)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, ReadTimer(register));
            return Errno.Ok;
        }

        var wanted = BinaryPrimitives.ReadUInt64LittleEndian(data);
        if (register is not (SystemRegister.CNTVCT_EL0 or SystemRegister.CNTPCT_EL0))
            _vm.Timers.TryWrite(Index, register, wanted);
        else if (!_vm.HasCounterOffset)
            _vm.Clock.Set((long)wanted);
        return Errno.Ok;
    }

    /// <summary>read_timer_ctl: the kernel says ISTATUS of a timer that is switched off too, where the architecture leaves it UNKNOWN.</summary>
    private ulong ReadTimer(SystemRegister register)
    {
        const ulong Status = 4;
        _vm.Timers.TryRead(Index, register, out var value);
        return register switch
        {
            SystemRegister.CNTV_CTL_EL0 when HasReached(SystemRegister.CNTV_CVAL_EL0) => value | Status,
            SystemRegister.CNTP_CTL_EL0 when HasReached(SystemRegister.CNTP_CVAL_EL0) => value | Status,
            _ => value,
        };
    }

    private bool HasReached(SystemRegister compare)
    {
        _vm.Timers.TryRead(Index, compare, out var value);
        return value <= (ulong)_vm.Clock.Now;
    }
}
