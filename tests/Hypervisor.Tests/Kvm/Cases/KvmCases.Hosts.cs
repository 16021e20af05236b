using CloudVm.Contracts.VectorLengths;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Vector lengths of hosts whose CPUs differ.</summary>
internal static partial class KvmCases
{
    private const string Disabled = "KVM SVE disabled";

    private static void AddHosts(Adder add)
    {
        AddBound("VL-H01", "64; {1,2,4}", "1,2,4/1,2,4");
        AddBound("VL-H02", "64; {1,2,4}", "1,2,4/1,2,4,8");
        AddBound("VL-H04", "80; {1,2,4}", "1,2,4,8/1,2,4,6,8");
        AddBound("VL-H13", "32; {1,2}", "1,2,4,8/1,2,3,4,5,6,7,8");
        AddBound("VL-H14", "64; {1,2,4}", "1,2,4,8/1,2,4/1,2,4,8,16");
        AddBound("VL-H11", "256; {1,2,4,8,16}", "1,2,4,8,16/1,2,4,8,16");
        AddBound("VL-H15", "64; {1,2,4}", "1,2,4/1,2,4,6,8");

        // The hosts of 03, 08, 10 and 12 are in no row: they are ones that the upstream rule serves and for which the policy answers so.
        AddStrict("VL-H02-STRICT", "available; {1,2,4}", "1,2,4/1,2,4,8");
        AddStrict("VL-H03-STRICT", Disabled, "1,2,4,8/1,2,3,4,8");
        AddStrict("VL-H08-STRICT", "available; {1,2}", "1,2/1,2,3,4");
        AddStrict("VL-H10-STRICT", Disabled, "1,2,3,4/1,2,4,8");
        AddStrict("VL-H12-STRICT", Disabled, "1,2,4/1,2,4,8/1,2,3,4");
        AddStrict("VL-H13-STRICT", Disabled, "1,2,4,8/1,2,3,4,5,6,7,8");
        AddStrict("VL-H14-STRICT", "available; {1,2,4}", "1,2,4,8/1,2,4/1,2,4,8,16");

        // The kernel keeps such a vCPU's registers at the arithmetic bound and dies; here the largest length below it is the bound.
        add("VL-H04-KILL", "kernel WARNs and the VMM process dies by SIGKILL (upstream defect)", h => ExpectSveWorks(h, h.Finalized("1,2,4,8/1,2,4,6,8")));
        add("VL-H04-OK", "works; storage 64 bytes, data intact", h =>
        {
            var vcpu = h.Unfinalized("1,2,4,8/1,2,4,6,8");
            vcpu.Write(Vls, vcpu.Value(Vls));
            Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
            ExpectSveWorks(h, vcpu);
        });

        AddLate("VL-LATE-01", "accepted", "1,2,4", "1,2,4", accepted: true);
        AddLate("VL-LATE-04", "CPU parked, EIO (unsupported VL present at or below bound)", "1,2,4", "1,2,3,4", accepted: false);
        AddLate("VL-LATE-05", "accepted (VQ6 = 96 > 80)", "1,2,4,8/1,2,4,6,8", "1,2,4,6,8", accepted: true);
        AddLate("VL-LATE-06", "CPU parked, EIO (VQ5 = 80 <= 80)", "1,2,4,8/1,2,4,6,8", "1,2,4,5,8", accepted: false);
        AddLate("VL-LATE-09", "CPU parked, EIO (VQ8 of the committed set is missing)", "1,2,4,8/1,2,3,4,8", "1,2,4", accepted: false);

        void AddBound(string id, string expected, string cpus) => add(id, expected, h =>
        {
            var map = h.Vm(cpus).Host.VectorLengths;
            var members = Enumerable.Range(1, VqSet.MaxVq).Where(map.Virtualisable.Contains);
            Assert.Equal(expected, $"{map.ArithmeticBoundVq * 16}; {{{string.Join(',', members)}}}");
        });

        void AddStrict(string id, string expected, string cpus) => add(id, expected, h =>
        {
            var vm = h.Vm(cpus, policy: VectorLengthPolicy.StrictPrefix);
            Assert.NotEqual(0, h.Vm(cpus).System.CheckExtension(170));
            var vcpu = vm.Create();
            if (vm.System.CheckExtension(170) == 0)
            {
                Assert.Equal(Errno.EINVAL, vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve));
                Assert.Equal(expected, Disabled);
                return;
            }

            Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve));
            var offered = BitConverter.ToUInt64(vcpu.Read(Vls));
            Assert.Equal(expected, $"available; {{{string.Join(',', Enumerable.Range(1, VqSet.MaxVq).Where(vq => (offered >> (vq - 1) & 1) != 0))}}}");
        });

        void AddLate(string id, string expected, string early, string late, bool accepted) => add(id, expected, h =>
        {
            var host = h.Vm(early).Host;
            var before = (host.Cpus.Count, host.VectorLengths.Virtualisable);
            Assert.Equal(accepted, host.OnlineLateCpu(new HostCpuProfile(CaseHost.Vqs(late), CaseHost.GenericMidr)) is null);
            Assert.Equal((before.Count + (accepted ? 1 : 0), before.Virtualisable), (host.Cpus.Count, host.VectorLengths.Virtualisable));
        });
    }

    private static void ExpectSveWorks(CaseHost h, KvmVcpu vcpu)
    {
        var guest = new CaseGuest(h, vcpu, EnableAll);
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, Counting(256)));
        vcpu.Write(Zcr, 0xf);
        Assert.Equal(64ul, guest.Run(MovZ5Z0, Rdvl));
        Assert.Equal([.. Counting(64), .. new byte[192]], vcpu.Read(Z0 + (5 << 5)));
        Assert.Equal([.. Counting(64), .. new byte[192]], vcpu.Read(Z0));
    }
}
