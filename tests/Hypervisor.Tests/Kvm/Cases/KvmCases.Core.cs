using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>ONE_REG of struct kvm_regs.</summary>
internal static partial class KvmCases
{
    private static void AddCore(Adder add)
    {
        add("CORE-02", "EINVAL (not EPERM)", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Get(V0)));
        add("CORE-03", "EINVAL for each", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.EINVAL, vcpu.Set(V0, 0));
            Assert.Equal(Errno.EINVAL, vcpu.Get(0x60400000001000d0));
        });
        add("CORE-04", "0 for each", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.Get(0x60200000001000d4));
            Assert.Equal(Errno.Ok, vcpu.Get(X0));
        });
        add("CORE-06", "0; same 16 bytes", h =>
        {
            var vcpu = h.WithoutSve();
            var value = Enumerable.Repeat((byte)0xa5, 16).ToArray();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(V0, value));
            Assert.Equal(value, vcpu.Read(V0));
        });
        add("CORE-07", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.WithoutSve().Get(0x6030000000100054)));
        add("CORE-09", "ENOENT (range check precedes size check)", h => Assert.Equal(Errno.ENOENT, h.WithoutSve().Get(0x60500000001000d0)));
        add("CORE-10", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.WithoutSve().Get(0x60500000001000cc)));
        add("CORE-14", "EINVAL for each", h => ExpectGets(h, Errno.EINVAL, 0x6030000000100052, 0x6020000000100052, 0x6020000000100053));
        add("CORE-16", "ENOENT for each (off-by-one in range test)", h =>
        {
            ExpectGets(h, Errno.ENOENT, 0x60200000001000d7);
            Assert.Equal(Errno.ENOENT, h.WithoutSve().Set(0x60200000001000d7, 0));
        });
        add("CORE-17", "EINVAL", h => ExpectGets(h, Errno.EINVAL, 0x60000000001000d7));
        add("CORE-18", "ENOENT for each",
            h => ExpectGets(h, Errno.ENOENT, 0x60200000001000d8, 0x60300000001000d6, 0x60400000001000d4, 0x603000000010ffff));
        add("CORE-19", "EINVAL for each", h => ExpectGets(h, Errno.EINVAL, 0x4030000000100000, 0x0030000000100000, 0x6030000100100000));
        add("CORE-21", "ENOENT", h => ExpectGets(h, Errno.ENOENT, 0x6030000010100000));
        add("CORE-23", "0 for each (EL1h, EL0t, EL1t)", h =>
        {
            var vcpu = h.WithoutSve();
            foreach (var pstate in new ulong[] { 0x3c5, 0x3c0, 0x3c4 })
            {
                Assert.Equal(Errno.Ok, vcpu.Set(Pstate, pstate));
                Assert.Equal(pstate, vcpu.Value(Pstate));
            }
        });
        add("CORE-26", "0", h => Assert.Equal(Errno.Ok, h.WithoutSve(new HostFacts { AArch32El0 = true }).Set(Pstate, 0x10)));
    }

    private static void ExpectGets(CaseHost h, Errno expected, params ReadOnlySpan<ulong> ids)
    {
        var vcpu = h.WithoutSve();
        foreach (var id in ids)
            Assert.Equal(expected, vcpu.Get(id));
    }
}
