namespace CloudVm.Hypervisor.Kvm;

/// <summary>Feature bits of KVM_ARM_VCPU_INIT.</summary>
[Flags]
public enum KvmVcpuFeatures : uint
{
    None = 0,
    PowerOff = 1 << 0,
    El1Is32Bit = 1 << 1,
    Psci02 = 1 << 2,
    Pmu = 1 << 3,
    Sve = 1 << 4,
    PtrauthAddress = 1 << 5,
    PtrauthGeneric = 1 << 6,
}

/// <summary><c>struct kvm_vcpu_init</c>. Where a call takes one, null stands for a pointer that cannot be read or written: EFAULT.</summary>
public sealed class KvmVcpuInit
{
    /// <summary>Words of <see cref="Features"/>.</summary>
    public const int FeatureWords = 7;

    /// <summary>KVM_ARM_TARGET_*.</summary>
    public uint Target { get; set; }

    /// <summary>Seven words of feature bits, of which only the first has any that are known.</summary>
    public uint[] Features { get; } = new uint[FeatureWords];
}

/// <summary>The numbers of KVM_ARM_TARGET_*, as kvm_target_cpu finds them from MIDR_EL1.</summary>
internal static class KvmTarget
{
    public const uint Generic = 5;

    private const uint Aem = 0;
    private const uint Foundation = 1;
    private const uint CortexA57 = 2;
    private const uint XGenePotenza = 3;
    private const uint CortexA53 = 4;

    private const ulong Arm = 0x41;
    private const ulong Apm = 0x50;

    /// <summary>Implementer is MIDR_EL1[31:24], part number [15:4].</summary>
    public static uint Of(ulong midr) => (midr >> 24 & 0xff, midr >> 4 & 0xfff) switch
    {
        (Arm, 0xd0f) => Aem,
        (Arm, 0xd00) => Foundation,
        (Arm, 0xd03) => CortexA53,
        (Arm, 0xd07) => CortexA57,
        (Apm, 0x000) => XGenePotenza,
        _ => Generic,
    };
}
