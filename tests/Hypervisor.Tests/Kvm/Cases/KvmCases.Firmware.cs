using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm.Cases;

/// <summary>Firmware registers.</summary>
internal static partial class KvmCases
{
    private const ulong PsciVersion = 0x6030000000140000;
    private const ulong StandardBitmap = 0x6030000000160000;

    private static void AddFirmware(Adder add)
    {
        add("FW-01", "0x1 (PSCI 0.1)", h => Assert.Equal(1ul, h.WithoutSve().Value(PsciVersion)));
        add("FW-02", "0x10001 (PSCI 1.1) in v6.1 and v6.12; higher in newer kernels",
            h => Assert.Equal(0x10001ul, h.Initialized(TestVm.Psci).Value(PsciVersion)));
        add("FW-05", "EINVAL; 0", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal(Errno.EINVAL, vcpu.Set(PsciVersion, 2));
            Assert.Equal(Errno.Ok, vcpu.Set(PsciVersion, 1));
        });
        add("FW-06", "0x1, 0x1, 0x3", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal([1ul, 1ul, 3ul], Enumerable.Range(0, 3).Select(n => vcpu.Value(StandardBitmap + (ulong)n)));
        });
        add("FW-07", "EINVAL; 0", h =>
        {
            var vcpu = h.WithoutSve();
            Assert.Equal(Errno.EINVAL, vcpu.Set(StandardBitmap, 2));
            Assert.Equal(Errno.Ok, vcpu.Set(StandardBitmap, 0));
        });
    }
}
