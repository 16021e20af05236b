namespace CloudVm.Hypervisor.Kvm;

/// <summary><c>struct kvm_enable_cap</c>.</summary>
/// <param name="Capability">KVM_CAP_*.</param>
/// <param name="Flags">Must be zero.</param>
public readonly record struct KvmEnableCap(uint Capability, uint Flags = 0);

/// <summary><c>struct kvm_arm_counter_offset</c>.</summary>
/// <param name="CounterOffset">What the guest's counters are behind the host's, in ticks.</param>
/// <param name="Reserved">Must be zero.</param>
public readonly record struct KvmCounterOffset(ulong CounterOffset, ulong Reserved = 0);

/// <summary>What is agreed once for all vCPUs: capabilities, the target, features.</summary>
public sealed partial class KvmVm
{
    private KvmVcpuFeatures? _features;

    /// <summary>Whether any vCPU has been asked to run: some of the VM's properties are fixed from then on.</summary>
    internal bool HasRun { get; private set; }

    /// <summary>KVM_CAP_ARM_NISV_TO_USER is enabled: an access without syndrome is an exit, not an error of RUN.</summary>
    internal bool ReportsNisv { get; private set; }

    /// <summary>KVM_ARM_SET_COUNTER_OFFSET has been called: writes of the counters through ONE_REG are ignored from then on.</summary>
    internal bool HasCounterOffset { get; private set; }

    /// <summary>KVM_CAP_ARM_MTE is enabled.</summary>
    internal bool HasMemoryTagging { get; private set; }

    /// <summary>KVM_CHECK_EXTENSION on the VM: 0 for what is absent or unknown.</summary>
    public int CheckExtension(int capability) => KvmCapabilities.Check(Host, Abi, Features, capability);

    /// <summary>KVM_ENABLE_CAP. A null pointer is EFAULT; unknown capabilities and any flag are EINVAL.</summary>
    public Errno EnableCap(KvmEnableCap? cap)
    {
        if (cap is not { } wanted)
            return Errno.EFAULT;
        if (wanted.Flags != 0)
            return Errno.EINVAL;
        lock (_gate)
        {
            switch (wanted.Capability)
            {
                case KvmCapabilities.NisvToUser when Abi.HasNisvExit:
                    ReportsNisv = true;
                    return Errno.Ok;
                case KvmCapabilities.MemoryTagging when CheckExtension(KvmCapabilities.MemoryTagging) != 0 && !Vcpus.Any():
                    HasMemoryTagging = true;
                    return Errno.Ok;
                default:
                    return Errno.EINVAL;
            }
        }
    }

    /// <summary>
    /// KVM_ARM_SET_COUNTER_OFFSET, for both of the guest's counters. A null pointer is EFAULT, a reserved word that is not zero EINVAL; EBUSY
    /// while a vCPU is in RUN.
    /// </summary>
    public Errno SetCounterOffset(KvmCounterOffset? offset)
    {
        if (!Abi.HasCounterOffset)
            return Errno.EINVAL; // no such call
        if (offset is not { } wanted)
            return Errno.EFAULT;
        if (wanted.Reserved != 0)
            return Errno.EINVAL;
        lock (_gate)
        {
            if (Vcpus.Any(vcpu => vcpu.IsInRun))
                return Errno.EBUSY;
            HasCounterOffset = true;
            Clock.SetOffset((long)wanted.CounterOffset);
            return Errno.Ok;
        }
    }

    /// <summary>KVM_ARM_PREFERRED_TARGET: writes all of <paramref name="init"/>. It never sets the SVE bit, except in the 2018 series.</summary>
    public Errno GetPreferredTarget(KvmVcpuInit? init)
    {
        if (init is null)
            return Errno.EFAULT;
        Array.Clear(init.Features);
        init.Target = Abi.ReportsGenericTarget ? KvmTarget.Generic : HostTarget;
        if (Abi.SveIsAskedForByDefault)
            init.Features[0] = (uint)KvmVcpuFeatures.Sve;
        return Errno.Ok;
    }

    /// <summary>The target number that the host's CPU has of its own.</summary>
    internal uint HostTarget => KvmTarget.Of(Host.Cpus[0].Profile.Midr);

    /// <summary>The first vCPU to be initialised decides for all: about every feature, or about the register width only.</summary>
    internal bool TryAgreeOnFeatures(KvmVcpuFeatures features)
    {
        features &= Abi.FeaturesAreVmWide ? ~KvmVcpuFeatures.PowerOff : KvmVcpuFeatures.El1Is32Bit;
        lock (_gate)
        {
            _features ??= features;
            return _features == features;
        }
    }

    /// <summary>KVM_ARCH_FLAG_HAS_RAN_ONCE: RUN has passed its first checks, even if it then left at once.</summary>
    internal void NoteRun() => HasRun = true;
}
