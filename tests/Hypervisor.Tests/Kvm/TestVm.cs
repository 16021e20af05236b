using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>An emulated host with one VM, and vCPUs initialised as asked.</summary>
internal sealed class TestVm : IDisposable
{
    public const uint Sve = 0x10;
    public const uint Psci = 0x04;
    public const uint PowerOff = 0x01;

    private readonly EmulatedHost _host;
    private readonly GuestMemory _memory = new(0x4000_0000, 4 << 20);

    public TestVm(string profile = "a64fx", AbiProfile? abi = null, int vcpus = 2)
        : this(HostProfile.BuiltIn[profile], abi, vcpus)
    {
    }

    public TestVm(HostProfile profile, AbiProfile? abi = null, int vcpus = 2)
    {
        _host = new EmulatedHost(profile);
        System = new KvmSystem(_host, abi ?? AbiProfile.Linux612, EngineFeatures.Implemented);
        Vm = System.CreateVm(_memory, vcpus, TimeProvider.System);
    }

    public EmulatedHost Host => _host;

    public KvmSystem System { get; }

    public KvmVm Vm { get; }

    public GuestMemory Memory => _memory;

    /// <summary>A vCPU that VCPU_INIT has not seen yet.</summary>
    public KvmVcpu Create(int id = 0)
    {
        Assert.Equal(Errno.Ok, Vm.CreateVcpu(id, out var vcpu));
        return vcpu!;
    }

    /// <summary>An initialised vCPU; one with SVE is finalized too.</summary>
    public KvmVcpu CreateReady(uint features, int id = 0, bool finalize = true)
    {
        var vcpu = Create(id);
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, features));
        if ((features & Sve) != 0 && finalize)
            Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
        return vcpu;
    }

    public void Dispose()
    {
        Vm.Dispose();
        _host.Dispose();
        _memory.Dispose();
    }
}
