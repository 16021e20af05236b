using CloudVm.Hypervisor.Kvm;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>ONE_REG of Z, P and FFR.</summary>
internal static partial class KvmCases
{
    private static void AddSve(Adder add)
    {
        add("SVE-01", "EPERM", h => Assert.Equal(Errno.EPERM, h.Unfinalized().Get(Z0)));
        add("SVE-02", "EPERM for each", h =>
        {
            var vcpu = h.Unfinalized();
            Assert.Equal(Errno.EPERM, vcpu.Get(P0));
            Assert.Equal(Errno.EPERM, vcpu.Get(Ffr));
            Assert.Equal(Errno.EPERM, vcpu.Set(Z0, 0));
        });
        add("SVE-03", "ENOENT (beats EPERM)", h => Assert.Equal(Errno.ENOENT, h.Unfinalized().Get(Z0 + 1)));
        add("SVE-04", "EINVAL (beats EPERM)", h => Assert.Equal(Errno.EINVAL, h.Unfinalized().Get(0x6050000000150620)));
        add("SVE-05", "0; bytes 0..255 = 0, bytes 256..259 untouched", h =>
        {
            var buffer = new byte[260];
            Array.Fill(buffer, (byte)0xcc);
            Assert.Equal(Errno.Ok, h.Finalized().GetOneReg(Z0, buffer));
            Assert.Equal([.. new byte[256], 0xcc, 0xcc, 0xcc, 0xcc], buffer);
        });
        add("SVE-06", "0; first 64 bytes kept, bytes 64..255 read 0", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z31, Counting(256)));
            Assert.Equal([.. Counting(64), .. new byte[192]], vcpu.Read(Z31));
        });
        add("SVE-11", "0; stored and returned verbatim (no canonical-form check)", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.Ok, vcpu.Set(Ffr, 0xa005));
            Assert.Equal(Bytes(32, 0xa005), vcpu.Read(Ffr));
        });
        add("SVE-12", "ENOENT for each", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.ENOENT, vcpu.Set(Z0 + 1, 0));
            foreach (var id in new[] { Z0 + 1, Z31 + 31, P0 + 1, Ffr + 1, Ffr + 31 })
                Assert.Equal(Errno.ENOENT, vcpu.Get(id));
        });
        add("SVE-13", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Finalized().Get(0x6080000000150400)));
        add("SVE-14", "EINVAL", h => Assert.Equal(Errno.EINVAL, h.Finalized().Get(0x6050000000150000)));
        add("SVE-15", "EINVAL for each", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.EINVAL, vcpu.Get(0x6040000000150000));
            Assert.Equal(Errno.EINVAL, vcpu.Get(0x6060000000150000));
        });
        add("SVE-19", "EFAULT for each", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.EFAULT, vcpu.GetOneReg(Z0, default));
            Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(Z0, default));
        });
        add("SVE-21", "Z31 all zero; ZCR_EL1=0; still finalized", h =>
        {
            var vcpu = h.Finalized();
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z31, Counting(256)));
            vcpu.Write(Zcr, 0xf);
            Assert.Equal(Errno.Ok, vcpu.Init(Generic, TestVm.Sve));
            Assert.Equal(new byte[256], vcpu.Read(Z31));
            Assert.Equal(0ul, vcpu.Value(Zcr));
        });
        add("SVE-22", "0", h =>
        {
            var vcpu = h.Finalized();
            RunOnce(h, vcpu);
            Assert.Equal(Errno.Ok, vcpu.Set(Z0, 1));
        });
    }
}
