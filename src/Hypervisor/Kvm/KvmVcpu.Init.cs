using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_ARM_VCPU_INIT and KVM_ARM_VCPU_FINALIZE, and the reset that INIT does.</summary>
public sealed unsafe partial class KvmVcpu
{
    private const KvmVcpuFeatures Ptrauth = KvmVcpuFeatures.PtrauthAddress | KvmVcpuFeatures.PtrauthGeneric;

    /// <summary>What architecturally UNKNOWN registers reset to, so that nobody relies on zero.</summary>
    internal const ulong UnknownReset = 0x1de7_ec7e_dbad_c0de;

    /// <summary>PSTATE of a 32-bit vCPU after reset: Supervisor mode with A, I and F masked.</summary>
    private const ulong AArch32ResetPstate = 0x1d3;

    /// <summary>Whether INIT asked for AArch32 at EL1.</summary>
    public bool Is32Bit => (_features & KvmVcpuFeatures.El1Is32Bit) != 0;

    /// <summary>Whether INIT asked for a performance monitor and got it.</summary>
    public bool HasPmu => (_features & KvmVcpuFeatures.Pmu) != 0;

    /// <summary>Whether the VM has memory tagging.</summary>
    public bool HasMemoryTagging => _vm.HasMemoryTagging;

    /// <summary>KVM_ARM_VCPU_INIT with <paramref name="features"/> as word 0 and the other words zero.</summary>
    public Errno Init(uint target, uint features)
    {
        var init = new KvmVcpuInit { Target = target };
        init.Features[0] = features;
        return Init(init);
    }

    /// <summary>
    /// KVM_ARM_VCPU_INIT. A failure changes nothing: a vCPU that was not initialised may be tried again, one that was stays usable. Success
    /// resets everything, vector lengths included unless they were finalized.
    /// </summary>
    public Errno Init(KvmVcpuInit? init)
    {
        if (init is null)
            return Errno.EFAULT;
        var abi = _vm.Abi;
        if (init.Target != _vm.HostTarget && (abi.AcceptsOnlyHostTarget || init.Target != KvmTarget.Generic))
            return Errno.EINVAL;
        if (CheckFeatureBits(init.Features) is var refused and not Errno.Ok)
            return refused;
        var wanted = (KvmVcpuFeatures)init.Features[0];
        if (!AreFeaturesOffered(wanted))
            return Errno.EINVAL;
        if (_initialized && Sticky(wanted) != Sticky(_features))
            return Errno.EINVAL;
        if (!_vm.TryAgreeOnFeatures(wanted))
            return Errno.EINVAL;

        _features = wanted;
        if (!_finalized)
            _vectorLengths = HasSve ? _vm.Host.VectorLengths.Virtualisable : VqSet.Empty;
        if (!abi.NeedsFinalize)
            _finalized = true;
        ResetVcpu();
        ForgetPendingReset();
        _mmioPending = false;
        Suspended = false;
        PoweredOff = (wanted & KvmVcpuFeatures.PowerOff) != 0;
        _initialized = true;
        return Errno.Ok;
    }

    /// <summary>KVM_ARM_VCPU_FINALIZE. There is no way back.</summary>
    /// <param name="feature">Number of the feature, of which only SVE (4) needs finalizing; null is a pointer that cannot be read.</param>
    public Errno FinalizeFeature(int? feature)
    {
        const int SveFeature = 4;
        if (!_vm.Abi.NeedsFinalize)
            return Errno.EINVAL; // no such call
        if (!_initialized)
            return Errno.ENOEXEC;
        if (feature is null)
            return Errno.EFAULT;
        if (feature != SveFeature || !HasSve)
            return Errno.EINVAL;
        if (_finalized)
            return Errno.EPERM;
        _finalized = true;
        return Errno.Ok;
    }

    /// <summary>Bits that the kernel does not know are ENOENT. See <see cref="AbiProfile.FeatureBitsAreCheckedInOrder"/>.</summary>
    private Errno CheckFeatureBits(ReadOnlySpan<uint> words)
    {
        var known = _vm.Abi.KnownFeatures;
        var unknown = words[0] & ~known;
        var hasUnknown = unknown != 0 || words[1..].ContainsAnyExcept(0u);
        if (_vm.Abi.FeatureBitsAreCheckedInOrder && _initialized)
        {
            // Known bits are the lowest, so one that differs comes before any that is unknown.
            if (((words[0] ^ (uint)_features) & known) != 0)
                return Errno.EINVAL;
        }

        return hasUnknown ? Errno.ENOENT : Errno.Ok;
    }

    private bool AreFeaturesOffered(KvmVcpuFeatures wanted)
    {
        var facts = _vm.Host.Profile.Facts;
        var is32Bit = wanted.HasFlag(KvmVcpuFeatures.El1Is32Bit);
        if (is32Bit && (!facts.AArch32El1 || _vm.HasMemoryTagging))
            return false;
        if (wanted.HasFlag(KvmVcpuFeatures.Pmu) && !facts.Pmu)
            return false;
        if (wanted.HasFlag(KvmVcpuFeatures.Sve) && !_vm.Host.HasSve && _vm.Abi.NeedsFinalize)
            return false;
        return (wanted & Ptrauth) switch
        {
            KvmVcpuFeatures.None => true,
            Ptrauth => KvmCapabilities.HasPtrauth(_vm.Host, _vm.Abi, _vm.Features),
            _ => false,
        };
    }

    private KvmVcpuFeatures Sticky(KvmVcpuFeatures features) =>
        _vm.Abi.PowerOffIsSticky ? features : features & ~KvmVcpuFeatures.PowerOff;

    /// <summary>kvm_reset_vcpu: registers, and timers off. Their compare values stay.</summary>
    private void ResetVcpu()
    {
        ResetRegisters();
        _vm.Timers.TryWrite(Index, SystemRegister.CNTV_CTL_EL0, 0);
        _vm.Timers.TryWrite(Index, SystemRegister.CNTP_CTL_EL0, 0);
    }

    /// <summary>The architectural reset values that KVM gives.</summary>
    private void ResetRegisters()
    {
        const ulong SctlrReset = 0x00c5_0078;
        var cpu = _context;
        var mpidr = _initialized && _vm.Abi.MpidrIsResetOnce ? cpu->VmpidrEl2 : 0x8000_0000 | Affinity;
        new Span<byte>(cpu, sizeof(CpuState)).Clear();
        Array.Clear(_banked);
        _pstateAsWritten = Is32Bit ? AArch32ResetPstate : null;
        cpu->El = 1;
        cpu->SpSel = 1;
        cpu->Daif = PState.DaifMask;
        cpu->SctlrEl1 = SctlrReset;
        cpu->Ttbr0El1 = cpu->Ttbr1El1 = cpu->MairEl1 = cpu->EsrEl1 = cpu->FarEl1 = cpu->ParEl1 = UnknownReset;
        cpu->Afsr0El1 = cpu->Afsr1El1 = cpu->TpidrEl0 = cpu->TpidrroEl0 = cpu->TpidrEl1 = cpu->CsselrEl1 = UnknownReset;
        for (var i = 0; i < 10; i++)
            cpu->PointerKeys[i] = UnknownReset;
        cpu->VmpidrEl2 = mpidr;
        cpu->VpidrEl2 = _vm.Host.Cpus[0].Profile.Midr;
        cpu->OslsrEl1 = SelfHostedDebug.OslsrReset;
        SystemRegisterTable.ResetShadow(_shadow);
    }
}
