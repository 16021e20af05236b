using CloudVm.Contracts.VectorLengths;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Makes what a case's setup asks for, and disposes of it.</summary>
internal sealed class CaseHost(AbiProfile abi) : IDisposable
{
    /// <summary>MIDR_EL1 of a CPU without a KVM target number of its own, and of a Cortex-A57.</summary>
    public const ulong GenericMidr = 0x000f0510;

    public const ulong CortexA57Midr = 0x411f_d070;

    private readonly List<TestVm> _vms = [];

    public AbiProfile Abi => abi;

    /// <summary>Whatever a 64-bit host can have.</summary>
    public static HostFacts WithAArch32 { get; } = new() { AArch32El0 = true, AArch32El1 = true };

    /// <summary>A VM on a host whose CPUs have the VQs listed, CPUs apart by <c>/</c>; none for a host without SVE.</summary>
    public TestVm Vm(
        string cpus = "1,2,4", HostFacts? facts = null, ulong midr = GenericMidr, int vcpus = 2, VectorLengthPolicy policy = VectorLengthPolicy.Upstream)
    {
        var profile = new HostProfile("case", [.. cpus.Split('/').Select(cpu => new HostCpuProfile(Vqs(cpu), midr))])
        {
            Facts = facts ?? HostFacts.Default,
            VectorLengthPolicy = policy,
        };
        var vm = new TestVm(profile, abi, vcpus);
        _vms.Add(vm);
        return vm;
    }

    /// <summary>A vCPU that VCPU_INIT has not seen.</summary>
    public KvmVcpu Fresh(string cpus = "1,2,4", HostFacts? facts = null) => Vm(cpus, facts).Create();

    /// <summary>A vCPU after INIT without FINALIZE.</summary>
    public KvmVcpu Initialized(uint features, string cpus = "1,2,4", HostFacts? facts = null)
    {
        var vcpu = Fresh(cpus, facts);
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, features));
        return vcpu;
    }

    /// <summary>A vCPU with SVE before FINALIZE.</summary>
    public KvmVcpu Unfinalized(string cpus = "1,2,4") => Initialized(TestVm.Sve, cpus);

    /// <summary>A vCPU with SVE after FINALIZE.</summary>
    public KvmVcpu Finalized(string cpus = "1,2,4")
    {
        var vcpu = Unfinalized(cpus);
        Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
        return vcpu;
    }

    /// <summary>A vCPU without SVE on a host that has it.</summary>
    public KvmVcpu WithoutSve(HostFacts? facts = null) => Initialized(0, facts: facts);

    /// <summary>The set of VQs between commas.</summary>
    public static VqSet Vqs(string list) =>
        VqSet.Of([.. list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(vq => int.Parse(vq, System.Globalization.CultureInfo.InvariantCulture))]);

    /// <summary>The VM of a vCPU that this host has made.</summary>
    public TestVm VmOf(KvmVcpu vcpu) => _vms.Single(vm => vm.Vm.Vcpus.Contains(vcpu));

    public void Dispose() => _vms.ForEach(vm => vm.Dispose());
}
