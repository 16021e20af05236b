using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>VCPU_FINALIZE.</summary>
internal static partial class KvmCases
{
    private static void AddFinalize(Adder add)
    {
        add("FIN-01", "0", h => Assert.Equal(Errno.Ok, h.Unfinalized().FinalizeFeature(4)));
        add("FIN-02", "EPERM", h => Assert.Equal(Errno.EPERM, h.Finalized().FinalizeFeature(4)));
        add("FIN-03", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.WithoutSve().FinalizeFeature(4)));
        add("FIN-06", "INIT 0; FINALIZE EPERM (finalized state survives re-INIT)", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, TestVm.Sve));
            Assert.Equal(Errno.EPERM, vcpu.FinalizeFeature(4));
        });
        add("FIN-08", "EPERM (beats EINTR)", h =>
        {
            var vcpu = h.Unfinalized();
            vcpu.RunState.ImmediateExit = true;
            Assert.Equal(Errno.EPERM, vcpu.Run());
        });
        add("FIN-09", "EPERM; n not written", h =>
        {
            var list = new KvmRegList(0);
            Assert.Equal(Errno.EPERM, h.Unfinalized().GetRegList(list));
            Assert.Equal(0ul, list.Count);
        });
        add("FIN-10", "EPERM (beats EFAULT)", h => Assert.Equal(Errno.EPERM, h.Unfinalized().GetRegList((KvmRegList?)null)));
        add("FIN-11", "0 and 0 (per-vcpu, no VM-wide lock)", h =>
        {
            var first = h.Finalized();
            RunOnce(h, first);
            var second = h.VmOf(first).Create(1);
            Assert.Equal(Errno.Ok, second.Init(Generic, TestVm.Sve));
            Assert.Equal(Errno.Ok, second.Set(Vls, 1));
            Assert.Equal(Errno.Ok, second.FinalizeFeature(4));
        });
    }
}
