using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>INIT, FINALIZE and ONE_REG of SVE vCPUs, errno for errno as Linux 6.12 answers.</summary>
public sealed class SveInterfaceTests
{
    private const ulong Pfr0 = 0x603000000013c020;
    private const ulong Zfr0 = 0x603000000013c024;
    private const ulong Zcr = 0x603000000013c090;
    private const ulong Z0 = 0x6080000000150000;
    private const ulong Ffr = 0x6050000000150600;
    private const ulong V0 = 0x6040000000100054;
    private const ulong Pc = 0x6030000000100040;

    [Fact]
    public void CapabilityFollowsTheHost()
    {
        using var with = new TestVm("a64fx");
        using var without = new TestVm("neoverse-n1");

        Assert.Equal(1, with.System.CheckExtension(170));
        Assert.Equal(0, without.System.CheckExtension(170));
    }

    [Fact]
    public void InitChecksComeInTheKernelsOrder()
    {
        using var vm = new TestVm("neoverse-n1");
        var vcpu = vm.Create();

        Assert.Equal(Errno.EINVAL, vcpu.Init(0, 0x80));
        Assert.Equal(Errno.ENOENT, vcpu.Init(KvmSystem.GenericTarget, 0x80));
        Assert.Equal(Errno.EINVAL, vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve));
        Assert.Equal(Errno.ENOEXEC, vcpu.GetOneReg(Pc, new byte[8]));
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, 0));
        Assert.Equal(Errno.EINVAL, vcpu.Init(KvmSystem.GenericTarget, TestVm.Psci));
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.PowerOff));
    }

    [Fact]
    public void FeaturesAreVmWideIn612AndPerVcpuIn61()
    {
        using var vm612 = new TestVm();
        vm612.CreateReady(TestVm.Sve);
        Assert.Equal(Errno.EINVAL, vm612.Create(1).Init(KvmSystem.GenericTarget, 0));

        using var vm61 = new TestVm(abi: AbiProfile.Linux61);
        vm61.CreateReady(TestVm.Sve);
        Assert.Equal(Errno.Ok, vm61.Create(1).Init(KvmSystem.GenericTarget, 0));
    }

    [Fact]
    public void FinalizeChecks()
    {
        using var vm = new TestVm();
        var vcpu = vm.Create();
        Assert.Equal(Errno.ENOEXEC, vcpu.FinalizeFeature(99));
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        Assert.Equal(Errno.EINVAL, vcpu.FinalizeFeature(5));
        Assert.Equal(Errno.EPERM, vcpu.Run());
        Assert.Equal(Errno.EPERM, vcpu.GetOneReg(Z0, new byte[256]));
        Assert.Equal(Errno.Ok, vcpu.FinalizeFeature(4));
        Assert.Equal(Errno.EPERM, vcpu.FinalizeFeature(4));
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(Z0, new byte[256]));
    }

    [Theory]
    [InlineData(0x0bul, Errno.Ok)] // 1, 2, 4
    [InlineData(0x03ul, Errno.Ok)]
    [InlineData(0x01ul, Errno.Ok)]
    [InlineData(0x00ul, Errno.EINVAL)]
    [InlineData(0x09ul, Errno.EINVAL)] // 2 is missing
    [InlineData(0x07ul, Errno.EINVAL)] // the host has no 3
    [InlineData(0x8bul, Errno.EINVAL)] // above the host's bound
    public void OnlyTheHostSetCutAtAMaximumIsLegal(ulong set, Errno expected)
    {
        using var vm = new TestVm("a64fx");
        var vcpu = vm.Create();
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        var before = Vls(vcpu);

        Assert.Equal(expected, vcpu.SetOneReg(RegisterId.SveVls, Bytes(set)));

        Assert.Equal(expected == Errno.Ok ? set : before, Vls(vcpu));
    }

    [Fact]
    public void VectorLengthsAreFixedByFinalizeAndForgottenByReinitBeforeIt()
    {
        using var vm = new TestVm();
        var vcpu = vm.Create();
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        Assert.Equal(0x0bul, Vls(vcpu));
        vcpu.SetOneReg(RegisterId.SveVls, Bytes(3));
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        Assert.Equal(0x0bul, Vls(vcpu));
        vcpu.SetOneReg(RegisterId.SveVls, Bytes(3));
        vcpu.FinalizeFeature(4);
        Assert.Equal(Errno.EPERM, vcpu.SetOneReg(RegisterId.SveVls, Bytes(3)));
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        Assert.Equal(3ul, Vls(vcpu));
    }

    [Fact]
    public void AVcpuWithoutSveHasNoneOfIt()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(0);

        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(RegisterId.SveVls, new byte[64]));
        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(Z0, new byte[256]));
        Assert.Equal(Errno.EINVAL, vcpu.GetOneReg(0x6030000000150000, new byte[8]));
        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(Zcr, new byte[8]));
        Assert.Equal(0ul, Read(vcpu, Zfr0));
        Assert.Equal(0ul, (Read(vcpu, Pfr0) >> 32) & 0xf);
        Assert.Equal(Errno.EINVAL, vcpu.SetOneReg(Zfr0, BitConverter.GetBytes(1ul)));
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(V0, new byte[16]));
    }

    [Fact]
    public void AnSveVcpuShowsItsRegistersAtItsLongestLength()
    {
        using var vm = new TestVm("max-pow2");
        var vcpu = vm.Create();
        vcpu.Init(KvmSystem.GenericTarget, TestVm.Sve);
        vcpu.SetOneReg(RegisterId.SveVls, Bytes(0x0b));
        vcpu.FinalizeFeature(4);
        var all = Enumerable.Range(1, 256).Select(i => (byte)i).ToArray();

        Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, all));
        var read = new byte[256];
        Array.Fill(read, (byte)0xee);
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(Z0, read));

        Assert.Equal([.. all.Take(64), .. new byte[192]], read);
        Assert.Equal(Errno.ENOENT, vcpu.GetOneReg(Z0 + 1, read));
        Assert.Equal(Errno.EINVAL, vcpu.GetOneReg(V0, new byte[16]));
        Assert.Equal(1ul, (Read(vcpu, Pfr0) >> 32) & 0xf);
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(Ffr, new byte[32]));
        Assert.Equal(Errno.EFAULT, vcpu.GetOneReg(Z0, new byte[64]));
    }

    /// <summary>Setting reads the bytes that the vCPU keeps and no others; of the series' higher slices it keeps none.</summary>
    [Fact]
    public void SettingReadsNoMoreThanIsKept()
    {
        var kept = Enumerable.Repeat((byte)7, 64).ToArray(); // the longest length is 512 bits
        foreach (var abi in AbiProfile.All)
        {
            using var vm = new TestVm(abi: abi);
            var vcpu = vm.CreateReady(TestVm.Sve, finalize: abi.NeedsFinalize);
            Assert.Equal(Errno.Ok, vcpu.SetOneReg(Z0, kept));
            var read = new byte[256];
            Assert.Equal(Errno.Ok, vcpu.GetOneReg(Z0, read));
            Assert.Equal([.. kept, .. new byte[192]], read);
            Assert.Equal(Errno.EFAULT, vcpu.SetOneReg(Z0, kept.AsSpan(1)));
            Assert.Equal(abi.SveIdsAreChecked ? Errno.ENOENT : Errno.Ok, vcpu.SetOneReg(Z0 + 1, default));
            Assert.Equal(abi.SveIdsAreChecked ? Errno.ENOENT : Errno.EFAULT, vcpu.GetOneReg(Z0 + 1, default));
        }
    }

    [Theory]
    [InlineData(0x6020000000100052ul, Errno.EINVAL)] // padding
    [InlineData(0x60200000001000d7ul, Errno.ENOENT)] // the last word
    [InlineData(0x60200000001000d6ul, Errno.EINVAL)]
    [InlineData(0x60500000001000d0ul, Errno.ENOENT)] // V31 as U256
    [InlineData(0x60500000001000ccul, Errno.EINVAL)] // V30 as U256
    [InlineData(0x6020000000100000ul, Errno.EINVAL)] // half of X0
    [InlineData(0x6030000010100000ul, Errno.ENOENT)] // bits 31:28
    [InlineData(0x6030000000180000ul, Errno.ENOENT)] // an unused group
    [InlineData(0x6130000000100000ul, Errno.EINVAL)] // another architecture
    public void MalformedCoreIdsFailAsInTheKernel(ulong id, Errno expected)
    {
        using var vm = new TestVm();
        Assert.Equal(expected, vm.CreateReady(0).GetOneReg(id, new byte[256]));
    }

    [Fact]
    public void ResetValuesAreKvms()
    {
        using var vm = new TestVm(vcpus: 18);
        var vcpu = vm.CreateReady(TestVm.Sve, 17);

        Assert.Equal(0x3c5ul, Read(vcpu, 0x6030000000100042));
        Assert.Equal(0xc50078ul, Read(vcpu, 0x603000000013c080));
        Assert.Equal(0x80000101ul, Read(vcpu, 0x603000000013c005));
        Assert.Equal(0x1de7ec7edbadc0deul, Read(vcpu, 0x603000000013c100));
        Assert.Equal(8ul, Read(vcpu, 0x603000000013808c));
        Assert.Equal(0x700ul, Read(vcpu, 0x603000000013e298));
        Assert.Equal(0ul, Read(vcpu, Zcr));
    }

    private static ulong Vls(KvmVcpu vcpu)
    {
        var data = new byte[64];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(RegisterId.SveVls, data));
        return BitConverter.ToUInt64(data);
    }

    private static ulong Read(KvmVcpu vcpu, ulong id)
    {
        var data = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, data));
        return BitConverter.ToUInt64(data);
    }

    private static byte[] Bytes(ulong low)
    {
        var data = new byte[64];
        BitConverter.TryWriteBytes(data, low);
        return data;
    }
}
