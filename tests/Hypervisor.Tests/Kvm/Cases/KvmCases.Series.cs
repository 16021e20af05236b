using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>The interface of the June 2018 series.</summary>
internal static partial class KvmCases
{
    private static void AddSeries(Adder add)
    {
        add("RFC-01", "0; features[0]=0x10 always, even without SVE hardware", h =>
        {
            ExpectPreferred(h.Vm(), Generic, TestVm.Sve);
            ExpectPreferred(h.Vm(string.Empty), Generic, TestVm.Sve);
        });
        add("RFC-02", "0, and the vcpu silently has no SVE", h =>
        {
            var vcpu = h.Initialized(TestVm.Sve, string.Empty);
            Assert.False(vcpu.HasSve);
            Assert.Equal(Errno.ENOENT, vcpu.Get(Z0));
        });
        add("RFC-03", "runs (no FINALIZE exists)", h => Assert.Equal(16ul, new CaseGuest(h, h.Unfinalized(), EnableAll).Run(Rdvl)));
        add("RFC-05", "0; value in low VL (or VL/8) bytes, rest zero", h =>
        {
            var vcpu = h.Unfinalized();
            foreach (var (id, size, kept) in new[] { (Z0, 256, 64), (P0, 32, 8), (Ffr, 32, 8) })
            {
                Assert.Equal(Errno.Ok, vcpu.SetOneReg(id, Counting(size)));
                Assert.Equal([.. Counting(kept), .. new byte[size - kept]], vcpu.Read(id));
            }
        });
        add("RFC-07", "0; ignored", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0 + 1, Counting(256)));
            Assert.Equal(new byte[256], vcpu.Read(Z0));
            Assert.Equal(new byte[256], vcpu.Read(Z0 + 1));
        });
        add("RFC-08", "0; bits [127:0] of Z0", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, Counting(256)));
            Assert.Equal(Counting(16), vcpu.Read(V0));
        });
        add("RFC-09", "0; only bits [127:0] of Z0 change, upper bits kept", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, Counting(256)));
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(V0, new byte[16]));
            Assert.Equal([.. new byte[16], .. Counting(64)[16..], .. new byte[192]], vcpu.Read(Z0));
        });
        add("RFC-10", "0; 8 bytes (sub-register access allowed)", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, Counting(256)));
            Assert.Equal(Counting(8), vcpu.Read(0x6030000000100054));
        });
        add("RFC-13", "ENOENT", h =>
        {
            var vcpu = h.WithoutSve();
            foreach (var id in new[] { Z0, P0, Ffr, Vls, Z0 + 1, 0x6040000000150000ul, 0x6050000000150620ul })
                Assert.Equal(Errno.ENOENT, vcpu.Get(id));
        });
        add("RFC-15", "ENOENT", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal(Errno.ENOENT, vcpu.Get(Zcr));
            Assert.Equal(Errno.ENOENT, vcpu.Set(Zcr, 0));
        });
        add("RFC-17", "ENOENT (MAX_FEATURES=5)", h => Assert.Equal(Errno.ENOENT, h.Fresh().Init(Generic, 1 << 5)));
        add("RFC-19", "216 ids, one per 32-bit word of kvm_regs, all tagged U64", h =>
        {
            foreach (var vcpu in new[] { h.WithoutSve(), h.Unfinalized() })
            {
                Assert.Equal(
                    Enumerable.Range(0, 216).Select(word => X0 + (ulong)word),
                    List(vcpu).Where(id => (id >> 16 & 0xfff) == 0x10));
            }
        });
    }
}
