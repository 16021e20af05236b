using System.Diagnostics;
using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>ONE_REG of system registers, timers and DEMUX, and the masks of what is writable.</summary>
internal static partial class KvmCases
{
    private const ulong SveField = 0xful << 32;
    private const ulong TimerCval = 0x603000000013df02;
    private const ulong TimerCnt = 0x603000000013df1a;

    private static void AddSystemRegisters(Adder add)
    {
        add("SYS-01", "ENOENT for each", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal(Errno.ENOENT, vcpu.Get(Zcr));
            Assert.Equal(Errno.ENOENT, vcpu.Set(Zcr, 0));
        });
        add("SYS-03", "0; reads back 0xffffffffffffffff (no masking before run)", h =>
        {
            var vcpu = h.Finalized();
            vcpu.Write(Zcr, ulong.MaxValue);
            Assert.Equal(ulong.MaxValue, vcpu.Value(Zcr));
        });
        add("SYS-04", "guest sees 0xf; GET returns 0xf (hardware RAZ bits applied by the run)", h =>
        {
            var guest = new CaseGuest(h, h.Finalized(), EnableAll);
            guest.Vcpu.Write(Zcr, 0xffff_ffff);
            Assert.Equal(0xful, guest.Run(CaseGuest.Mrs(0, 0xc090)));
            Assert.Equal(0xful, guest.Vcpu.Value(Zcr));
        });
        add("SYS-05", "0; SVE field [35:32] = 0", h => Assert.Equal(0ul, h.WithoutSve().Value(Pfr0) & SveField));
        add("SYS-09", "EINVAL for each", h =>
        {
            var vcpu = h.Finalized();
            var value = vcpu.Value(Pfr0);
            Assert.Equal(Errno.EINVAL, vcpu.Set(Pfr0, value & ~SveField));
            Assert.Equal(Errno.EINVAL, vcpu.Set(Pfr0, (value & ~SveField) | (2ul << 32)));
        });
        add("SYS-10", "0", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.Ok, vcpu.Set(Zfr0, vcpu.Value(Zfr0)));
        });
        add("SYS-15", "EINVAL", h =>
        {
            var vcpu = h.Finalized();
            RunOnce(h, vcpu);
            Assert.Equal(Errno.EINVAL, vcpu.Set(Zfr0, vcpu.Value(Zfr0) ^ 1ul << 44));
        });
        add("SYS-16", "0", h =>
        {
            var vcpu = h.Finalized();
            RunOnce(h, vcpu);
            Assert.Equal(Errno.Ok, vcpu.Set(Zfr0, vcpu.Value(Zfr0)));
            Assert.Equal(Errno.Ok, vcpu.Set(Pfr0, vcpu.Value(Pfr0)));
        });
        add("SYS-18", "0; EINVAL", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal(Errno.Ok, vcpu.Set(0x603000000013c023, 0));
            Assert.Equal(Errno.EINVAL, vcpu.Set(0x603000000013c023, 1));
        });
        add("SYS-20", "ENOENT for each",
            h => ExpectGets(h, Errno.ENOENT, 0x603000000013ffff, 0x603000000013c800, 0x603000000013df10, 0x603000000013c200));
        add("SYS-22", "ENOENT for each", h => ExpectGets(h, Errno.ENOENT, 0x603000000013dce0, 0x603000000013c108));
        add("SYS-23", "0; ENOENT; ENOENT; ENOENT", h =>
        {
            ExpectGets(h, Errno.Ok, 0x6020000000110000);
            ExpectGets(h, Errno.ENOENT, 0x602000000011000e, 0x6030000000110000, 0x6020000000110100);
        });
        add("SYS-25", "0x1de7ec7edbadc0de for each (poison for architecturally UNKNOWN)", h =>
        {
            var vcpu = h.WithoutSve();
            foreach (var id in new ulong[] { 0xc100, 0xc510, 0xc290, 0xc300, 0xde82 })
                Assert.Equal(0x1de7ec7edbadc0deul, vcpu.Value(0x6030000000130000 | id));
        });
        add("SYS-26", "0x80000001, 0x8000000f, 0x80000100, 0x80000f0f, 0x80001000", h =>
        {
            var vm = h.Vm(vcpus: 257);
            int[] ids = [1, 15, 16, 255, 256];
            Assert.Equal(
                [0x80000001, 0x8000000f, 0x80000100, 0x80000f0f, 0x80001000],
                ids.Select(id => vm.CreateReady(0, id).Value(0x603000000013c005)));
        });
        add("SYS-27", "0x123456789abc (it is CVAL although encoded as CNTVCT)", h =>
        {
            var vcpu = h.WithoutSve();
            vcpu.Write(TimerCval, 0x123456789abc);
            Assert.Equal(0x123456789abcul, vcpu.Value(TimerCval));
        });
        add("SYS-28", "second value larger (it is the counter although encoded as CNTV_CVAL)", h =>
        {
            var vcpu = h.WithoutSve();
            var first = vcpu.Value(TimerCnt);
            var start = Stopwatch.GetTimestamp();
            SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(start).TotalMilliseconds >= 2);
            Assert.True(vcpu.Value(TimerCnt) > first);
        });
        add("SYS-31", "EINVAL for each", h =>
        {
            var vm = h.Vm().Vm;
            Assert.Equal(Errno.EINVAL, vm.GetRegWritableMasks(new KvmRegMaskRange { Range = 1 }));
            var reserved = new KvmRegMaskRange();
            reserved.Reserved[0] = 1;
            Assert.Equal(Errno.EINVAL, vm.GetRegWritableMasks(reserved));
        });
        add("SYS-32", "vcpu1 sees the lowered value; re-INIT keeps it (VM-wide, survives reset)", h =>
        {
            var first = h.WithoutSve();
            var second = h.VmOf(first).CreateReady(0, 1);
            var lowered = first.Value(Isar0) & ~(0xful << 20); // no atomics
            Assert.NotEqual(lowered, first.Value(Isar0));
            first.Write(Isar0, lowered);
            Assert.Equal(lowered, second.Value(Isar0));
            Assert.Equal(Errno.Ok, first.Init(Generic, 0));
            Assert.Equal(lowered, first.Value(Isar0));
        });
    }
}
