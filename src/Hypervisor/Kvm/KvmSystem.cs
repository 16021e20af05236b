using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>What <c>/dev/kvm</c> of the emulated host offers.</summary>
/// <remarks>Thread: any.</remarks>
public sealed class KvmSystem(EmulatedHost host, AbiProfile abi, CpuFeatures features)
{
    /// <summary>KVM_ARM_TARGET_GENERIC_V8.</summary>
    public const uint GenericTarget = KvmTarget.Generic;

    public EmulatedHost Host { get; } = host;

    public AbiProfile Abi { get; } = abi;

    /// <summary>KVM_CHECK_EXTENSION: 0 for what is absent or unknown.</summary>
    public int CheckExtension(int capability) => KvmCapabilities.Check(Host, Abi, features, capability);

    /// <summary>KVM_CREATE_VM. The VM's counter runs from here on.</summary>
    /// <param name="memory">The guest's RAM; the caller keeps it.</param>
    /// <param name="vcpuCount">vCPUs that may be created: their ids are below it.</param>
    /// <param name="time">Host time.</param>
    public KvmVm CreateVm(GuestMemory memory, int vcpuCount, TimeProvider time) =>
        new(Host, Abi, memory, features, vcpuCount, time);
}
