using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>ID registers as one vCPU sees them, and what may be written to them.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const ulong Pfr0SpeculationFields = 0xfful << 56; // CSV2 and CSV3

    /// <summary>ID_AA64DFR0_EL1.DebugVer, and ID_DFR0_EL1.CopDbg in the same place.</summary>
    private const ulong DebugVerMask = 0xf;

    /// <summary>Armv8's debug architecture.</summary>
    private const ulong DebugVerMinimum = 6;

    private const ulong Dfr0PmuVerMask = 0xf00;

    /// <summary>ID_DFR0_EL1.PerfMon: PMUv3, the oldest that KVM emulates.</summary>
    private const ulong PerfMonMinimum = 3ul << 24;

    /// <summary>CLIDR_EL1 if the monitor has replaced it; survives INIT as every ID register does.</summary>
    private ulong? _clidr;

    internal AbiProfile Abi => _vm.Abi;

    internal bool HostHasAArch32 => _vm.Host.Profile.Facts.AArch32El0;

    /// <summary>An ID register as this vCPU and its guest see it.</summary>
    internal ulong IdentificationValue(SystemRegister register)
    {
        switch (register)
        {
            case SystemRegister.MIDR_EL1:
                return _context->VpidrEl2;
            case SystemRegister.CLIDR_EL1:
                return _clidr ?? CacheGeometry.Clidr(_vm.Abi, _vm.Host.Profile.Facts);
            default:
                var limit = IdentificationLimit(register);
                return limit == 0 ? 0 : _vm.IdRegister(register, limit);
        }
    }

    /// <summary>The most that a register may say for this vCPU: the host's value without what the vCPU or its VM does not have.</summary>
    private ulong IdentificationLimit(SystemRegister register)
    {
        var value = IdRegisters.HostValue(register, _vm.Features, _vm.Host.Profile.Facts);
        switch (register)
        {
            case SystemRegister.ID_AA64ZFR0_EL1 when !HasSve:
                return 0;
            case SystemRegister.ID_AA64PFR0_EL1 when !HasSve:
                return value & ~IdRegisters.Pfr0SveMask;
            case SystemRegister.ID_AA64PFR1_EL1 when !_vm.HasMemoryTagging:
                return value & ~IdRegisters.Pfr1MteMask;
            case SystemRegister.ID_AA64ISAR1_EL1 when !HasPtrauth:
                return value & ~IdRegisters.Isar1PtrauthMask;
            case SystemRegister.ID_AA64DFR0_EL1 when !HasPmu:
                return value & ~Dfr0PmuVerMask;
            case SystemRegister.ID_DFR0_EL1 when !HasPmu:
                return value & ~IdRegisters.Dfr0PerfMonMask;
            default:
                return value;
        }
    }

    /// <summary>SET_ONE_REG of an ID register. With <paramref name="dryRun"/> nothing changes.</summary>
    private Errno SetIdentification(SystemRegister register, ulong value, bool dryRun)
    {
        var current = IdentificationValue(register);
        var abi = _vm.Abi;
        if (SystemRegisterTable.Invariant(abi).Contains(register))
            return value == current ? Errno.Ok : Errno.EINVAL;
        if (!abi.IdRegistersAreWritable)
            return SetFixedIdentification(register, value, current, dryRun);
        if (register == SystemRegister.CLIDR_EL1)
        {
            if ((value & ~CacheGeometry.ClidrWritable) != 0)
                return Errno.EINVAL;
            if (!dryRun)
                _clidr = value;
            return Errno.Ok;
        }

        if (!TryAdjustDebugFeatures(register, ref value))
            return Errno.EINVAL;
        if (_vm.HasRun)
            return value == current ? Errno.Ok : Errno.EBUSY;
        var limit = IdentificationLimit(register);
        if (limit == 0 || !IdRegisterRule.All.TryGetValue(register, out var rule))
            return value == limit ? Errno.Ok : Errno.EINVAL;
        if (!rule.Allows(value, limit))
            return Errno.EINVAL;
        if (!dryRun)
            _vm.SetIdRegister(register, value);
        return Errno.Ok;
    }

    /// <summary>
    /// set_id_aa64dfr0_el1 and set_id_dfr0_el1: fields whose smallest value is not zero. Old kernels showed guests an implementation-defined
    /// PMU by mistake, so old monitors may bring one along, which then counts as none.
    /// </summary>
    private static bool TryAdjustDebugFeatures(SystemRegister register, ref ulong value)
    {
        switch (register)
        {
            case SystemRegister.ID_AA64DFR0_EL1:
                if ((value & Dfr0PmuVerMask) == Dfr0PmuVerMask)
                    value &= ~Dfr0PmuVerMask;
                return (value & DebugVerMask) >= DebugVerMinimum;
            case SystemRegister.ID_DFR0_EL1:
                if ((value & IdRegisters.Dfr0PerfMonMask) == IdRegisters.Dfr0PerfMonMask)
                    value &= ~IdRegisters.Dfr0PerfMonMask;
                return (value & IdRegisters.Dfr0PerfMonMask) is 0 or >= PerfMonMinimum && (value & DebugVerMask) >= DebugVerMinimum;
            default:
                return true;
        }
    }

    private Errno SetFixedIdentification(SystemRegister register, ulong value, ulong current, bool dryRun)
    {
        if (value == current)
            return Errno.Ok;
        if (register != SystemRegister.ID_AA64PFR0_EL1 || !_vm.Abi.SpeculationFieldsAreWritable
            || ((value ^ current) & ~Pfr0SpeculationFields) != 0 || (value >> 56 & 0xf) > 1 || value >> 60 > 1)
            return Errno.EINVAL;
        if (!dryRun)
            _vm.SetIdRegister(register, value, Pfr0SpeculationFields);
        return Errno.Ok;
    }
}
