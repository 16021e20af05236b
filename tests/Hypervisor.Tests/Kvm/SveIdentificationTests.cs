using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>ID_AA64ZFR0_EL1 follows the host's vector lengths and whether the vCPU has SVE.</summary>
public sealed class SveIdentificationTests
{
    private const ulong Zfr0 = 0x603000000013c024;
    private const int F32mm = 52;
    private const int F64mm = 56;

    [Theory]
    [InlineData("neoverse-v2", 0)] // 128 bits
    [InlineData("neoverse-v1", 1)] // 256 bits
    [InlineData("max", 1)]
    public void MatricesOfDoublesNeedVectorsOf256Bits(string profile, int expected)
    {
        using var vm = new TestVm(profile);
        var zfr0 = Read(vm.CreateReady(TestVm.Sve));
        Assert.Equal(1, (int)(zfr0 >> F32mm) & 0xf);
        Assert.Equal(expected, (int)(zfr0 >> F64mm) & 0xf);
    }

    [Fact]
    public void AllOfSve2IsThere()
    {
        using var vm = new TestVm();
        // SVEver, AES with PMULL128, BitPerm, BF16, SHA3, SM4, I8MM, F32MM, F64MM.
        Assert.Equal(0x0110_1101_0011_0021ul, Read(vm.CreateReady(TestVm.Sve)));
    }

    [Fact]
    public void NothingIsLeftWithoutSve()
    {
        using var vm = new TestVm("neoverse-n1");
        Assert.Equal(0ul, Read(vm.CreateReady(0)));
    }

    private static ulong Read(KvmVcpu vcpu)
    {
        var value = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(Zfr0, value));
        return BitConverter.ToUInt64(value);
    }
}
