using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>GET_REG_LIST.</summary>
internal static partial class KvmCases
{
    private static void AddLists(Adder add)
    {
        add("LIST-05", "261 (= non-SVE + 19)", h =>
        {
            Assert.Equal(261, List(h.Finalized()).Count);
            Assert.Equal(261 - 19, List(h.WithoutSve()).Count);
        });
        add("LIST-06", "E2BIG; n = required count", h =>
        {
            var vcpu = h.Finalized();
            var required = List(vcpu).Count;
            var list = new KvmRegList(required - 1);
            Assert.Equal(Errno.E2BIG, vcpu.GetRegList(list));
            Assert.Equal((ulong)required, list.Count);
            Assert.All(list.Ids, id => Assert.Equal(0ul, id));
        });
        add("LIST-09", "278 (independent of VL set)", h =>
        {
            var vcpu = h.Unfinalized();
            vcpu.Write(Vls, 1);
            Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
            Assert.Equal(278, List(vcpu).Count);
        });
        add("LIST-12", "282 (+4: RGSR_EL1 GCR_EL1 TFSR_EL1 TFSRE0_EL1)", h =>
        {
            var vm = h.Vm(facts: new HostFacts { Mte = true });
            Assert.Equal(Errno.Ok, vm.Vm.EnableCap(new KvmEnableCap(205)));
            var ids = List(vm.CreateReady(TestVm.Sve));
            Assert.Equal(282, ids.Count);
            Assert.Equal([0xc085, 0xc086, 0xc2b0, 0xc2b1], ids.Except(List(h.Finalized())).Select(id => id & 0xffff));
        });
        add("LIST-14", "core, SVE (VLS first), FW+BMAP, timers (CTL CNT CVAL PCTL PCNT PCVAL), MIDR/REVIDR/AIDR, sysregs ascending, DEMUX", h =>
        {
            var ids = List(h.Finalized());
            ulong[] timers = [0xdf19, 0xdf1a, 0xdf02, 0xdf11, 0xdf01, 0xdf12];
            ulong[] invariant = [0xc000, 0xc006, 0xc807];
            ulong[] groups = [0x10, 0x15, 0x14, 0x16, 0x13, 0x11];
            Assert.Equal(groups, ids.Select(id => id >> 16 & 0xfff).Distinct());
            Assert.Equal(Vls, ids.First(id => (id >> 16 & 0xfff) == 0x15));
            var system = ids.Where(id => (id >> 16 & 0xfff) == 0x13).Select(id => id & 0xffff).ToList();
            Assert.Equal(timers, system.Take(6));
            Assert.Equal(invariant, system.Skip(6).Take(3));
            Assert.Equal(system.Skip(9).Order(), system.Skip(9));
        });
        add("LIST-17", "yes (RAZ)", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Contains(Zfr0, List(vcpu));
            Assert.Equal(0ul, vcpu.Value(Zfr0));
        });
    }

    private static List<ulong> List(KvmVcpu vcpu)
    {
        var list = new KvmRegList(0);
        Assert.Equal(Errno.E2BIG, vcpu.GetRegList(list));
        list = new KvmRegList((int)list.Count);
        Assert.Equal(Errno.Ok, vcpu.GetRegList(list));
        return [.. list.Ids];
    }
}
