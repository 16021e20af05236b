using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>VCPU_INIT, PREFERRED_TARGET, CHECK_EXTENSION and ENABLE_CAP.</summary>
internal static partial class KvmCases
{
    private const uint Generic = KvmSystem.GenericTarget;
    private const uint El1Is32Bit = 0x2;
    private const uint Ptrauth = 3 << 5;

    private static void AddInit(Adder add)
    {
        add("INIT-02", "0", h =>
        {
            var vm = h.Vm(string.Empty);
            Assert.Equal(0, vm.System.CheckExtension(170));
            Assert.Equal(0, vm.Vm.CheckExtension(170));
        });
        add("INIT-03", "0; target=5, all seven features words 0", h => ExpectPreferred(h.Vm(), Generic));
        add("INIT-04", "0; target=2", h => ExpectPreferred(h.Vm(midr: CaseHost.CortexA57Midr), 2));
        add("INIT-05", "0; target=5 (always generic)", h => ExpectPreferred(h.Vm(midr: CaseHost.CortexA57Midr), Generic));
        add("INIT-08", "ENOEXEC", h => Assert.Equal(Errno.ENOEXEC, h.Fresh().Get(X0)));
        add("INIT-15", "ENOEXEC", h =>
        {
            var vcpu = h.Fresh();
            vcpu.RunState.ImmediateExit = true;
            Assert.Equal(Errno.ENOEXEC, vcpu.Run());
        });
        add("INIT-18", "ENOENT (bit 8 becomes valid only in kernels that define HAS_EL2_E2H0)",
            h => Assert.Equal(Errno.ENOENT, h.Fresh().Init(Generic, 1 << 8)));
        add("INIT-20", "ENOENT", h =>
        {
            var init = new KvmVcpuInit { Target = Generic };
            init.Features[1] = 1;
            Assert.Equal(Errno.ENOENT, h.Fresh().Init(init));
        });
        add("INIT-22", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Fresh().Init(6, 0)));
        add("INIT-24", "EINVAL (target checked before features)", h => Assert.Equal(Errno.EINVAL, h.Fresh().Init(0xffff, 1u << 31)));
        add("INIT-25", "ENOENT in v6.1 and v6.12 (bit not yet accepted); later kernels: EINVAL without NV hardware",
            h => Assert.Equal(Errno.ENOENT, h.Fresh().Init(Generic, 1 << 7)));
        add("INIT-26", "0", h =>
        {
            var vcpu = h.Fresh();
            Assert.Equal(Errno.ENOENT, vcpu.Init(Generic, 1 << 7));
            Assert.Equal(Errno.ENOEXEC, vcpu.Get(X0));
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, TestVm.Sve));
        });
        add("INIT-27", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Fresh().Init(Generic, 1 << 5)));
        add("INIT-28", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Fresh().Init(Generic, 1 << 6)));
        add("INIT-30", "EINVAL", h =>
            Assert.Equal(Errno.EINVAL, h.Fresh(facts: new HostFacts { PointerAuthentication = false }).Init(Generic, Ptrauth)));
        add("INIT-31", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Fresh(string.Empty).Init(Generic, TestVm.Sve)));
        add("INIT-32", "0 (failed INIT left vcpu uninitialised and retryable)", h =>
        {
            var vcpu = h.Fresh(string.Empty);
            Assert.Equal(Errno.EINVAL, vcpu.Init(Generic, TestVm.Sve));
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, 0));
        });
        add("INIT-34", "0", h => Assert.Equal(Errno.Ok, h.Unfinalized().Init(Generic, TestVm.Sve)));
        add("INIT-36", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Init(Generic, 0x14)));
        add("INIT-37", "0 (vcpu still initialised)", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.EINVAL, vcpu.Init(Generic, 0x14));
            Assert.Equal(Errno.Ok, vcpu.Get(X0));
        });
        add("INIT-39", "0; mp_state=0 (POWER_OFF is per-call, not sticky)", h =>
        {
            var vcpu = h.Initialized(TestVm.PowerOff);
            Assert.Equal(Errno.Ok, vcpu.GetMpState(out var state));
            Assert.Equal(KvmMpState.Stopped, state);
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, 0));
            Assert.Equal(Errno.Ok, vcpu.GetMpState(out state));
            Assert.Equal(0u, (uint)state);
        });
        add("INIT-41", "EINVAL (features are VM-wide)", h => Assert.Equal(Errno.EINVAL, SecondAfter(h, TestVm.Sve, 0)));
        add("INIT-42", "0", h => Assert.Equal(Errno.Ok, SecondAfter(h, 0, TestVm.Psci)));
        add("INIT-44", "EINVAL", h => Assert.Equal(Errno.EINVAL, SecondAfter(h, 0, El1Is32Bit, CaseHost.WithAArch32)));
        add("INIT-45", "0 (accepted; FINALIZE then also succeeds; PSTATE resets to 0x1d3)", h =>
        {
            var vcpu = h.Initialized(TestVm.Sve | El1Is32Bit, facts: CaseHost.WithAArch32);
            Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
            Assert.Equal(0x1d3ul, vcpu.Value(Pstate));
        });
        add("INIT-47", "EINVAL", h =>
        {
            var vm = h.Vm(facts: new HostFacts { Mte = true });
            vm.Create();
            Assert.Equal(Errno.EINVAL, vm.Vm.EnableCap(new KvmEnableCap(205)));
        });
        add("INIT-48", "0", h =>
        {
            var vcpu = h.Finalized();
            RunOnce(h, vcpu);
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, TestVm.Sve));
        });
    }

    private static void ExpectPreferred(TestVm vm, uint target, uint features = 0)
    {
        var init = new KvmVcpuInit { Target = 99 };
        init.Features.AsSpan().Fill(uint.MaxValue);
        Assert.Equal(Errno.Ok, vm.Vm.GetPreferredTarget(init));
        Assert.Equal(target, init.Target);
        Assert.Equal([features, 0, 0, 0, 0, 0, 0], init.Features);
    }

    private static Errno SecondAfter(CaseHost h, uint first, uint second, HostFacts? facts = null)
    {
        var vm = h.Vm(facts: facts);
        Assert.Equal(Errno.Ok, vm.Create().Init(Generic, first));
        return vm.Create(1).Init(Generic, second);
    }
}
