using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's groups CORE, FW and timers.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const uint DemuxCount = 14;

    /// <summary>First padding word of struct kvm_regs, after SPSR_FIQ.</summary>
    private const int CorePadding = 0x52;

    // KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1, 2 and 3 of a CPU that needs none.
    private const ulong WorkaroundNotRequired = 2;
    private const ulong Workaround2NotRequired = 3;
    private const ulong Workaround2Enabled = 1 << 4;

    private const int StandardServicesIndex = 4;

    /// <summary>PSCI version, SMCCC workarounds 1 to 3, and the three bitmaps of firmware services.</summary>
    private static readonly ulong[] FirmwareIds =
    [
        .. Enumerable.Range(0, 4).Select(i => RegisterId.Arm64 | RegisterId.U64 | RegisterId.Firmware | (uint)i),
        .. Enumerable.Range(0, 3).Select(i => RegisterId.Arm64 | RegisterId.U64 | RegisterId.FirmwareBitmap | (uint)i),
    ];

    /// <summary>SPSR_ABT to SPSR_FIQ: AArch32 state that KVM keeps for every vCPU.</summary>
    private readonly ulong[] _banked = new ulong[5];

    private void ListCore(List<ulong> ids)
    {
        for (var word = 0; word < CorePadding; word += 2)
            ids.Add(RegisterId.CoreRegister(word, RegisterId.U64));

        if (!HasSve || !_vm.Abi.NeedsFinalize)
        {
            for (var n = 0; n < 32; n++)
                ids.Add(RegisterId.CoreRegister(RegisterId.CoreV + (4 * n), RegisterId.U128));
        }

        ids.Add(RegisterId.CoreRegister(RegisterId.CoreFpsr, RegisterId.U32));
        ids.Add(RegisterId.CoreRegister(RegisterId.CoreFpcr, RegisterId.U32));
    }

    /// <summary>
    /// core_reg_offset_from_id's checks: out of struct kvm_regs is ENOENT; not the first word of a register, or of another size, EINVAL.
    /// </summary>
    private Errno AccessCore(ulong id, Span<byte> data, bool isSet)
    {
        const ulong IndexMask = 0xf000_ffff; // bits 31:28 belong to the offset here, and put it out of range
        var words = RegisterId.SizeOf(id) / 4;
        var offset = id & IndexMask;
        if (offset >= RegisterId.CoreWords || offset + (ulong)words >= RegisterId.CoreWords)
            return Errno.ENOENT;
        var word = (int)offset;
        if (CoreSize(word) != (id & RegisterId.SizeMask))
            return Errno.EINVAL;
        if (word is >= RegisterId.CoreV and < RegisterId.CoreFpsr && HasSve && _vm.Abi.NeedsFinalize)
            return Errno.EINVAL;
        if (data.Length < RegisterId.SizeOf(id))
            return Errno.EFAULT;
        return isSet ? SetCore(word, data) : GetCore(word, data);
    }

    /// <summary>Size bits of the register that begins at a word; 0 if none does.</summary>
    private static ulong CoreSize(int word) => word switch
    {
        < CorePadding => (word & 1) == 0 ? RegisterId.U64 : 0,
        >= RegisterId.CoreV and < RegisterId.CoreFpsr => ((word - RegisterId.CoreV) & 3) == 0 ? RegisterId.U128 : 0,
        RegisterId.CoreFpsr or RegisterId.CoreFpcr => RegisterId.U32,
        _ => 0,
    };

    private Errno GetCore(int word, Span<byte> data)
    {
        switch (word)
        {
            case RegisterId.CorePstate:
                BinaryPrimitives.WriteUInt64LittleEndian(data, PState.Read(_context));
                return Errno.Ok;
            case RegisterId.CoreFpsr:
                BinaryPrimitives.WriteUInt32LittleEndian(data, _context->Fpsr);
                return Errno.Ok;
            case RegisterId.CoreFpcr:
                BinaryPrimitives.WriteUInt32LittleEndian(data, _context->Fpcr);
                return Errno.Ok;
            case >= RegisterId.CoreV and < RegisterId.CoreFpsr:
                new ReadOnlySpan<byte>(&_context->Z[(word - RegisterId.CoreV) / 4 * CpuState.ZStride], 16).CopyTo(data);
                return Errno.Ok;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(data, CoreWord(word));
                return Errno.Ok;
        }
    }

    private Errno SetCore(int word, ReadOnlySpan<byte> data)
    {
        switch (word)
        {
            case RegisterId.CorePstate:
                return PState.TryWrite(_context, BinaryPrimitives.ReadUInt64LittleEndian(data)) ? Errno.Ok : Errno.EINVAL;
            case RegisterId.CoreFpsr:
                _context->Fpsr = BinaryPrimitives.ReadUInt32LittleEndian(data);
                return Errno.Ok;
            case RegisterId.CoreFpcr:
                _context->Fpcr = BinaryPrimitives.ReadUInt32LittleEndian(data);
                return Errno.Ok;
            case >= RegisterId.CoreV and < RegisterId.CoreFpsr:
                data[..16].CopyTo(new Span<byte>(&_context->Z[(word - RegisterId.CoreV) / 4 * CpuState.ZStride], 16));
                return Errno.Ok;
            default:
                CoreWord(word) = BinaryPrimitives.ReadUInt64LittleEndian(data);
                return Errno.Ok;
        }
    }

    /// <summary>A 64-bit register of struct kvm_regs. SPSR_ABT to SPSR_FIQ belong to AArch32 and have shadows.</summary>
    private ref ulong CoreWord(int word)
    {
        switch (word)
        {
            case < RegisterId.CoreSp:
                return ref _context->X[word / 2];
            case RegisterId.CoreSp:
                return ref _context->Sp[0];
            case RegisterId.CorePc:
                return ref _context->Pc;
            case RegisterId.CoreSpEl1:
                return ref _context->Sp[1];
            case RegisterId.CoreElrEl1:
                return ref _context->ElrEl1;
            case RegisterId.CoreSpsr:
                return ref _context->SpsrEl1;
            default:
                return ref _banked[(word - RegisterId.CoreSpsr) / 2];
        }
    }

    private Errno AccessFirmware(ulong id, Span<byte> data, bool isSet)
    {
        var at = Array.IndexOf(FirmwareIds, id);
        if (at < 0)
            return Errno.ENOENT;
        if (data.Length < sizeof(ulong))
            return Errno.EFAULT;
        if (!isSet)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(data, FirmwareValue(at));
            return Errno.Ok;
        }

        var value = BinaryPrimitives.ReadUInt64LittleEndian(data);
        if (!IsFirmwareValueAllowed(at, value))
            return Errno.EINVAL;
        if (at == StandardServicesIndex && _vm.HasRun && value != FirmwareValue(at))
            return Errno.EBUSY;
        SetFirmwareValue(at, value);
        return Errno.Ok;
    }

    private ulong FirmwareValue(int at) => at switch
    {
        0 => HasPsci ? _vm.Firmware.Psci.Version : Psci.Version01,
        1 or 3 => WorkaroundNotRequired,
        2 => Workaround2NotRequired,
        StandardServicesIndex => _vm.Firmware.StandardServices,
        _ => 0,
    };

    private bool IsFirmwareValueAllowed(int at, ulong value) => at switch
    {
        0 when HasPsci => value is Psci.Version02 or Psci.Version10 or Psci.Version11,
        0 => value == Psci.Version01,

        // A workaround may be said to be worse than it is; bit 4 of the second one says that the guest has it switched on.
        2 => (value & ~Workaround2Enabled) <= Workaround2NotRequired,
        1 or 3 => value <= WorkaroundNotRequired,
        StandardServicesIndex => (value & ~Firmware.TrngService) == 0,
        _ => value == 0,
    };

    private void SetFirmwareValue(int at, ulong value)
    {
        if (at == 0 && HasPsci)
            _vm.Firmware.Psci.Version = value;
        else if (at == StandardServicesIndex)
            _vm.Firmware.StandardServices = value;
    }

    private void ListTimers(List<ulong> ids)
    {
        // The virtual counter and compare value go by each other's encoding: an old mistake, frozen into the ABI.
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTV_CTL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTV_CVAL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTVCT_EL0));
        if (!_vm.Abi.PhysicalTimerIsListed)
            return;
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTP_CTL_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTPCT_EL0));
        ids.Add(RegisterId.SystemRegister(SystemRegister.CNTP_CVAL_EL0));
    }

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
            _vm.Timers.TryRead(Index, register, out var value);
            BinaryPrimitives.WriteUInt64LittleEndian(data, value);
            return Errno.Ok;
        }

        var wanted = BinaryPrimitives.ReadUInt64LittleEndian(data);
        if (register is SystemRegister.CNTVCT_EL0 or SystemRegister.CNTPCT_EL0)
            _vm.Clock.Set((long)wanted);
        else
            _vm.Timers.TryWrite(Index, register, wanted);
        return Errno.Ok;
    }
}
