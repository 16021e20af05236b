using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>What <c>/dev/kvm</c> of the emulated host offers.</summary>
/// <remarks>Thread: any.</remarks>
public sealed class KvmSystem(EmulatedHost host, AbiProfile abi, CpuFeatures features)
{
    /// <summary>KVM_ARM_TARGET_GENERIC_V8.</summary>
    public const uint GenericTarget = 5;

    private const int CapOneReg = 70;
    private const int CapArmPsci02 = 102;
    private const int CapArmSve = 170;
    private const int CapArmPtrauthAddress = 171;
    private const int CapArmPtrauthGeneric = 172;

    public EmulatedHost Host { get; } = host;

    public AbiProfile Abi { get; } = abi;

    /// <summary>KVM_CHECK_EXTENSION: 0 for what is absent or unknown.</summary>
    public int CheckExtension(int capability) => capability switch
    {
        CapOneReg or CapArmPsci02 => 1,
        CapArmSve => Host.HasSve ? 1 : 0,
        CapArmPtrauthAddress or CapArmPtrauthGeneric => features.Has(Feature.PAUTH) ? 1 : 0,
        _ => 0,
    };

    /// <summary>KVM_ARM_PREFERRED_TARGET; its feature words are all zero.</summary>
    public static uint PreferredTarget => GenericTarget;

    /// <summary>KVM_CREATE_VM.</summary>
    /// <param name="memory">The guest's RAM; the caller keeps it.</param>
    /// <param name="vcpuCount">vCPUs that may be created.</param>
    /// <param name="time">Host time.</param>
    public KvmVm CreateVm(GuestMemory memory, int vcpuCount, TimeProvider time) =>
        new(Host, Abi, memory, features, vcpuCount, time);
}
