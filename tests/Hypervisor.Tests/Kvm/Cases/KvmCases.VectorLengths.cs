using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>KVM_REG_ARM64_SVE_VLS.</summary>
internal static partial class KvmCases
{
    private static void AddVectorLengths(Adder add)
    {
        add("VLS-03", "0; word0=0x808b", h => ExpectLengths(h.Unfinalized("1,2,4,8,16"), 0x808b));
        add("VLS-07", "0; word0=0x1", h => SetThenExpect(h, "1,2,4", 0x1));
        add("VLS-09", "0; word0=0xb", h => SetThenExpect(h, "1,2,4", 0xb));
        add("VLS-19", "0; word0=0x7", h => SetThenExpect(h, "1,2,3,4", 0x7));
        foreach (var (id, set) in new[] { ("VLS-10", 0x0ul), ("VLS-11", 0x2ul), ("VLS-12", 0x5ul), ("VLS-13", 0x9ul), ("VLS-14", 0x1bul) })
            add(id, "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Set(Vls, set)));
        add("VLS-16", "EINVAL", h =>
        {
            var words = Bytes(64, 0xb);
            words[8] = 1;
            Assert.Equal(Errno.EINVAL, h.Unfinalized().SetOneReg(Vls, words));
        });
        add("VLS-20", "0; unchanged 0xb", h =>
        {
            var vcpu = h.Unfinalized();
            foreach (var set in new ulong[] { 0, 2, 5, 9, 0x1b })
                Assert.Equal(Errno.EINVAL, vcpu.Set(Vls, set));
            ExpectLengths(vcpu, 0xb);
        });
        add("VLS-21", "0; word0=0x1 (failed write keeps last good value)", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.Set(Vls, 1));
            Assert.Equal(Errno.EINVAL, vcpu.Set(Vls, 2));
            ExpectLengths(vcpu, 1);
        });
        add("VLS-25", "EPERM", h => Assert.Equal(Errno.EPERM, h.Finalized().Set(Vls, 0xb)));
        add("VLS-26", "EPERM (beats EFAULT)", h => Assert.Equal(Errno.EPERM, h.Finalized().SetOneReg(Vls, default)));
        add("VLS-28", "0; word0=0xb", h => ExpectLengths(h.Finalized(), 0xb));
        add("VLS-29", "EFAULT", h => Assert.Equal(Errno.EFAULT, h.Unfinalized().SetOneReg(Vls, default)));
        add("VLS-30", "EFAULT", h => Assert.Equal(Errno.EFAULT, h.Unfinalized().GetOneReg(Vls, default)));
        add("VLS-31", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Get(0x603000000015ffff)));
        add("VLS-33", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Get(0x606000000015fffe)));
        add("VLS-34", "0 for all four (VL sets may differ per vcpu)", h =>
        {
            var first = h.Unfinalized();
            var second = h.VmOf(first).Create(1);
            Assert.Equal(Errno.Ok, second.Init(Generic, TestVm.Sve));
            Assert.Equal(Errno.Ok, first.Set(Vls, 1));
            Assert.Equal(Errno.Ok, first.FinalizeFeature(4));
            Assert.Equal(Errno.Ok, second.Set(Vls, 0xb));
            Assert.Equal(Errno.Ok, second.FinalizeFeature(4));
            ExpectLengths(first, 1);
            ExpectLengths(second, 0xb);
        });
        add("VLS-35", "EPERM", h =>
        {
            var vcpu = h.Finalized();
            RunOnce(h, vcpu);
            Assert.Equal(Errno.EPERM, vcpu.Set(Vls, 1));
        });
    }

    private static void SetThenExpect(CaseHost h, string cpus, ulong set)
    {
        var vcpu = h.Unfinalized(cpus);
        Assert.Equal(Errno.Ok, vcpu.Set(Vls, set));
        ExpectLengths(vcpu, set);
    }

    private static void ExpectLengths(KvmVcpu vcpu, ulong word0) => Assert.Equal(Bytes(64, word0), vcpu.Read(Vls));
}
