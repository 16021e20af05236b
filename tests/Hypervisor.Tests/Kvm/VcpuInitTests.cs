using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>VCPU_INIT, capabilities and power states beyond the measured cases: the order of checks, and what the profiles differ in.</summary>
public sealed class VcpuInitTests
{
    private const uint Generic = KvmSystem.GenericTarget;
    private const uint El1Is32Bit = 0x2;
    private const uint Pmu = 0x8;
    private const uint Unknown = 1 << 7;

    [Fact]
    public void PointersThatCannotBeReadAreFaultsWhenTheirTurnComes()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vm = host.Vm();
        var vcpu = vm.Create();
        Assert.Equal(Errno.EFAULT, vcpu.Init(null));
        Assert.Equal(Errno.EFAULT, vm.Vm.GetPreferredTarget(null));
        Assert.Equal(Errno.EFAULT, vm.Vm.EnableCap(null));
        Assert.Equal(Errno.EFAULT, vm.Vm.GetRegWritableMasks(null));
        Assert.Equal(Errno.ENOEXEC, vcpu.FinalizeFeature(null));
        Assert.Equal(Errno.ENOEXEC, vcpu.GetOneReg(null, default));
        Assert.Equal(Errno.ENOEXEC, vcpu.GetRegList((KvmRegList?)null));
        Assert.Equal(Errno.Ok, vcpu.Init(Generic, TestVm.Sve));
        Assert.Equal(Errno.EFAULT, vcpu.FinalizeFeature(null));
        Assert.Equal(Errno.EFAULT, vcpu.GetOneReg(null, default));
        Assert.Equal(Errno.EFAULT, vcpu.SetEvents(null));
        Assert.Equal(Errno.EFAULT, vcpu.SetMpState(null));
    }

    /// <summary>A bit that differs from the first INIT is lower than any unknown one, so the older order finds it first.</summary>
    [Fact]
    public void UnknownBitsComeFirstOnlyInTheNewerOrder()
    {
        Assert.Equal(Errno.ENOENT, Again(AbiProfile.Linux612, TestVm.Psci | Unknown));
        Assert.Equal(Errno.EINVAL, Again(AbiProfile.Linux61, TestVm.Psci | Unknown));
        Assert.Equal(Errno.ENOENT, Again(AbiProfile.Linux61, Unknown));

        static Errno Again(AbiProfile abi, uint features)
        {
            using var host = new CaseHost(abi);
            return host.Initialized(0).Init(Generic, features);
        }
    }

    [Fact]
    public void OlderKernelsKeepPowerOffAndTheHostsTarget()
    {
        using var host = new CaseHost(AbiProfile.Linux61);
        var vcpu = host.Initialized(TestVm.PowerOff);
        Assert.Equal(Errno.EINVAL, vcpu.Init(Generic, 0));
        var a57 = host.Vm(midr: CaseHost.CortexA57Midr).Create();
        Assert.Equal(Errno.EINVAL, a57.Init(Generic, 0));
        Assert.Equal(Errno.Ok, a57.Init(2, 0));

        using var newer = new CaseHost(AbiProfile.Linux612);
        a57 = newer.Vm(midr: CaseHost.CortexA57Midr).Create();
        Assert.Equal(Errno.Ok, a57.Init(Generic, 0));
        Assert.Equal(Errno.Ok, a57.Init(2, 0));
        Assert.Equal(Errno.EINVAL, a57.Init(4, 0));
    }

    [Theory]
    [InlineData(0x410fd0f0ul, 0u)] // Arm's envelope model
    [InlineData(0x410fd000ul, 1u)] // Foundation model
    [InlineData(0x411fd070ul, 2u)] // Cortex-A57
    [InlineData(0x500f0000ul, 3u)] // X-Gene
    [InlineData(0x410fd034ul, 4u)] // Cortex-A53
    [InlineData(0x410fd0c1ul, 5u)] // Neoverse N1: generic
    public void TargetsFollowTheMidr(ulong midr, uint target)
    {
        using var host = new CaseHost(AbiProfile.Linux61);
        var init = new KvmVcpuInit();
        Assert.Equal(Errno.Ok, host.Vm(midr: midr).Vm.GetPreferredTarget(init));
        Assert.Equal(target, init.Target);
    }

    [Fact]
    public void FeaturesThatTheHostLacksAreInvalid()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        Assert.Equal(Errno.EINVAL, host.Fresh().Init(Generic, El1Is32Bit));
        Assert.Equal(Errno.EINVAL, host.Fresh(facts: new HostFacts { AArch32El0 = true }).Init(Generic, El1Is32Bit));
        Assert.Equal(Errno.EINVAL, host.Fresh().Init(Generic, Pmu));
        Assert.Equal(Errno.Ok, host.Fresh(facts: new HostFacts { Pmu = true }).Init(Generic, Pmu));

        var tagging = host.Vm(facts: CaseHost.WithAArch32 with { Mte = true });
        Assert.Equal(Errno.Ok, tagging.Vm.EnableCap(new KvmEnableCap(205)));
        Assert.Equal(Errno.EINVAL, tagging.Create().Init(Generic, El1Is32Bit));
        Assert.Equal(Errno.Ok, tagging.Create(1).Init(Generic, 0));
    }

    [Fact]
    public void OlderKernelsCompareOnlyTheRegisterWidthOfVcpus()
    {
        using var host = new CaseHost(AbiProfile.Linux61);
        var vm = host.Vm(facts: CaseHost.WithAArch32, vcpus: 3);
        Assert.Equal(Errno.Ok, vm.Create().Init(Generic, El1Is32Bit));
        Assert.Equal(Errno.EINVAL, vm.Create(1).Init(Generic, TestVm.Sve));
        Assert.Equal(Errno.Ok, vm.Create(2).Init(Generic, El1Is32Bit | TestVm.Sve));
    }

    [Theory]
    [InlineData(170, 1, 1, 1)] // SVE
    [InlineData(171, 1, 1, 0)] // pointer authentication
    [InlineData(177, 1, 1, 0)] // NISV
    [InlineData(230, 1, 0, 0)] // masks of writable registers
    [InlineData(93, 0, 0, 0)] // AArch32, which this host lacks
    [InlineData(205, 0, 0, 0)] // memory tagging, likewise
    [InlineData(9999, 0, 0, 0)]
    public void CapabilitiesFollowHostAndProfile(int capability, int in612, int in61, int inSeries)
    {
        Assert.Equal((in612, in61, inSeries), (Check(AbiProfile.Linux612), Check(AbiProfile.Linux61), Check(AbiProfile.Rfc2018)));

        int Check(AbiProfile abi)
        {
            using var host = new CaseHost(abi);
            var vm = host.Vm();
            Assert.Equal(vm.System.CheckExtension(capability), vm.Vm.CheckExtension(capability));
            return vm.Vm.CheckExtension(capability);
        }
    }

    [Fact]
    public void CapabilitiesToEnableAreChecked()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vm = host.Vm().Vm;
        Assert.Equal(Errno.EINVAL, vm.EnableCap(new KvmEnableCap(177, Flags: 1)));
        Assert.Equal(Errno.EINVAL, vm.EnableCap(new KvmEnableCap(205)));
        Assert.Equal(Errno.EINVAL, vm.EnableCap(new KvmEnableCap(9999)));
        Assert.Equal(Errno.Ok, vm.EnableCap(new KvmEnableCap(177)));

        using var series = new CaseHost(AbiProfile.Rfc2018);
        Assert.Equal(Errno.EINVAL, series.Vm().Vm.EnableCap(new KvmEnableCap(177)));
        Assert.Equal(Errno.EINVAL, series.Initialized(TestVm.Sve).FinalizeFeature(4));
        Assert.Equal(Errno.EINVAL, series.Vm().Vm.GetRegWritableMasks(new KvmRegMaskRange()));
    }

    [Fact]
    public void MpStatesAreThoseOfArm()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        Assert.Equal(Errno.EINVAL, vcpu.SetMpState((KvmMpState)1));
        foreach (var state in Enum.GetValues<KvmMpState>())
        {
            Assert.Equal(Errno.Ok, vcpu.SetMpState(state));
            Assert.Equal(Errno.Ok, vcpu.GetMpState(out var read));
            Assert.Equal(state, read);
        }

        using var series = new CaseHost(AbiProfile.Rfc2018);
        Assert.Equal(Errno.EINVAL, series.WithoutSve().SetMpState(KvmMpState.Suspended));
    }

    /// <summary>What the host has and the engine cannot execute is accepted by every call but RUN.</summary>
    [Theory]
    [InlineData(El1Is32Bit, 1ul)]
    [InlineData(Pmu, 2ul)]
    public void RunRefusesWhatTheEngineCannotExecute(uint features, ulong reason)
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.Initialized(features, facts: CaseHost.WithAArch32 with { Pmu = true });
        Assert.Equal(Errno.EOPNOTSUPP, vcpu.Run());
        Assert.Equal(KvmExitReason.FailEntry, vcpu.RunState.ExitReason);
        Assert.Equal(reason, vcpu.RunState.FailEntryReason);
        vcpu.RunState.ImmediateExit = true;
        Assert.Equal(Errno.EINTR, vcpu.Run());
        Assert.Equal(Errno.Ok, vcpu.Get(Pc));
    }

    [Fact]
    public void RunRefusesAArch32UserModeUntilPstateSaysOtherwise()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve(new HostFacts { AArch32El0 = true });
        vcpu.Write(Pstate, 0x10);
        Assert.Equal(Errno.EOPNOTSUPP, vcpu.Run());
        vcpu.Write(Pstate, 0x3c5);
        Assert.Equal(0x2aul, new CaseGuest(host, vcpu, 0).Run(0xd2800540)); // mov x0, #42
    }
}
