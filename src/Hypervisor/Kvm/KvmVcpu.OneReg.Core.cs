using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ONE_REG's group CORE: struct kvm_regs.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>First padding word of struct kvm_regs, after SPSR_FIQ.</summary>
    private const int CorePadding = 0x52;

    /// <summary>No size bits: those of U8 are zero.</summary>
    private const ulong NoRegister = ulong.MaxValue;

    private const int WordBytes = sizeof(uint);
    private const int VBytes = 16;

    private const ulong Pstate32Bit = 0x10;
    private const ulong PstateModeMask = 0x1f;

    /// <summary>SPSR_ABT to SPSR_FIQ: AArch32 state that KVM keeps for every vCPU.</summary>
    private readonly ulong[] _banked = new ulong[5];

    /// <summary>
    /// PSTATE as the monitor wrote it, where the register file cannot hold it: an AArch32 mode, or bits that no PE has. Null when the register
    /// file holds it.
    /// </summary>
    private ulong? _pstateAsWritten;

    /// <summary>Whether PSTATE says AArch32, which the engine cannot execute.</summary>
    private bool IsInAArch32 => (_pstateAsWritten & Pstate32Bit) == Pstate32Bit;

    private ulong Pstate => _pstateAsWritten ?? PState.Read(_context);

    /// <summary>
    /// core_reg_offset_from_id's checks: out of struct kvm_regs is ENOENT; not the first word of a register, or of another size, EINVAL.
    /// </summary>
    private Errno AccessCore(ulong id, Span<byte> data, bool isSet)
    {
        var size = RegisterId.SizeOf(id);
        var offset = id & IndexMask;
        if (offset >= RegisterId.CoreWords || offset + (ulong)(size / WordBytes) >= RegisterId.CoreWords)
            return Errno.ENOENT;
        var word = (int)offset;
        if (_vm.Abi.CoreRegistersAreBytes)
            return AccessCoreBytes(word, size, data, isSet);
        if (CoreSize(word) != (id & RegisterId.SizeMask) || (IsV(word) && HasSve))
            return Errno.EINVAL;
        if (data.Length < size)
            return Errno.EFAULT;
        if (isSet)
            return SetCore(word, data);
        GetCore(word, data);
        return Errno.Ok;
    }

    /// <summary>Before core ids were checked: any bytes of struct kvm_regs. What lies in a V register of an SVE vCPU must lie in one.</summary>
    private Errno AccessCoreBytes(int word, int size, Span<byte> data, bool isSet)
    {
        var at = word * WordBytes;
        if (isSet && size > VBytes)
            return Errno.EINVAL;
        if (IsV(word) && HasSve && (at - (RegisterId.CoreV * WordBytes)) % VBytes + size > VBytes)
            return Errno.EINVAL;
        if (data.Length < size)
            return Errno.EFAULT;
        Span<byte> registers = stackalloc byte[RegisterId.CoreWords * WordBytes];
        registers.Clear();
        for (var register = 0; register < RegisterId.CoreWords; register++)
        {
            if (CoreSize(register) is not NoRegister and var bits)
                GetCore(register, registers.Slice(register * WordBytes, RegisterId.SizeOf(bits)));
        }

        var window = registers.Slice(at, size);
        if (!isSet)
        {
            window.CopyTo(data);
            return Errno.Ok;
        }

        data[..size].CopyTo(window);
        if (!IsModeAllowed(BinaryPrimitives.ReadUInt64LittleEndian(registers[(RegisterId.CorePstate * WordBytes)..])))
            return Errno.EINVAL;
        for (var register = 0; register < RegisterId.CoreWords; register++)
        {
            var begin = register * WordBytes;
            if (CoreSize(register) is not NoRegister and var bits && begin < at + size && begin + RegisterId.SizeOf(bits) > at)
                SetCore(register, registers.Slice(begin, RegisterId.SizeOf(bits)));
        }

        return Errno.Ok;
    }

    private static bool IsV(int word) => word is >= RegisterId.CoreV and < RegisterId.CoreFpsr;

    /// <summary>Size bits of the register that begins at a word, or <see cref="NoRegister"/>.</summary>
    private static ulong CoreSize(int word) => word switch
    {
        < CorePadding => (word & 1) == 0 ? RegisterId.U64 : NoRegister,
        >= RegisterId.CoreV and < RegisterId.CoreFpsr => ((word - RegisterId.CoreV) & 3) == 0 ? RegisterId.U128 : NoRegister,
        RegisterId.CoreFpsr or RegisterId.CoreFpcr => RegisterId.U32,
        _ => NoRegister,
    };

    private Span<byte> V(int word) => new(&_context->Z[(word - RegisterId.CoreV) / 4 * CpuState.ZStride], VBytes);

    private void GetCore(int word, Span<byte> data)
    {
        switch (word)
        {
            case RegisterId.CorePstate:
                BinaryPrimitives.WriteUInt64LittleEndian(data, Pstate);
                break;
            case RegisterId.CoreFpsr:
                BinaryPrimitives.WriteUInt32LittleEndian(data, _context->Fpsr);
                break;
            case RegisterId.CoreFpcr:
                BinaryPrimitives.WriteUInt32LittleEndian(data, _context->Fpcr);
                break;
            case >= RegisterId.CoreV and < RegisterId.CoreFpsr:
                V(word).CopyTo(data);
                break;
            default:
                BinaryPrimitives.WriteUInt64LittleEndian(data, CoreWord(word));
                break;
        }
    }

    private Errno SetCore(int word, ReadOnlySpan<byte> data)
    {
        switch (word)
        {
            case RegisterId.CorePstate:
                return SetPstate(BinaryPrimitives.ReadUInt64LittleEndian(data));
            case RegisterId.CoreFpsr:
                _context->Fpsr = BinaryPrimitives.ReadUInt32LittleEndian(data);
                break;
            case RegisterId.CoreFpcr:
                _context->Fpcr = BinaryPrimitives.ReadUInt32LittleEndian(data);
                break;
            case >= RegisterId.CoreV and < RegisterId.CoreFpsr:
                data[..VBytes].CopyTo(V(word));
                break;
            default:
                CoreWord(word) = BinaryPrimitives.ReadUInt64LittleEndian(data);
                break;
        }

        if (IsInAArch32)
            NarrowRegisters();
        return Errno.Ok;
    }

    private Errno SetPstate(ulong value)
    {
        if (!IsModeAllowed(value))
            return Errno.EINVAL;
        PState.TryWrite(_context, value);
        _pstateAsWritten = PState.Read(_context) == value && (value & Pstate32Bit) == 0 ? null : value;
        if (IsInAArch32)
            NarrowRegisters();
        return Errno.Ok;
    }

    /// <summary>PSTATE.M[4:0] that the vCPU can be in. AArch32 User mode is also EL0 of a 64-bit guest.</summary>
    private bool IsModeAllowed(ulong pstate)
    {
        const ulong User = 0x10;
        switch (pstate & PstateModeMask)
        {
            case 0b00000 or 0b00100 or 0b00101: // EL0t, EL1t, EL1h
                return !Is32Bit;
            case User:
                return _vm.Host.Profile.Facts.AArch32El0;
            case 0x11 or 0x12 or 0x13 or 0x17 or 0x1b: // FIQ, IRQ, Supervisor, Abort, Undefined
                return Is32Bit;
            default:
                return false;
        }
    }

    /// <summary>Registers that an AArch32 mode sees have 32 bits: in User and System mode R0 to R14 and the PC, else all.</summary>
    private void NarrowRegisters()
    {
        var registers = (Pstate & PstateModeMask) is 0x10 or 0x1f ? 15 : 31;
        for (var n = 0; n < registers; n++)
            _context->X[n] = (uint)_context->X[n];
        _context->Pc = (uint)_context->Pc;
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
}
