using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>KVM's side of pointer authentication: both feature bits or neither, ten registers, masked ID fields.</summary>
public sealed class PtrauthInterfaceTests
{
    private const uint Address = 1 << 5;
    private const uint Generic = 1 << 6;
    private const ulong ApiaKeyLo = 0x603000000013c108;
    private const ulong Isar1 = 0x603000000013c031;
    private const ulong PtrauthFields = (0xfful << 4) | (0xfful << 24);

    [Theory]
    [InlineData(Address)]
    [InlineData(Generic)]
    public void OneBitWithoutTheOtherIsInvalid(uint features)
    {
        using var vm = new TestVm();
        Assert.Equal(Errno.EINVAL, vm.Create().Init(KvmSystem.GenericTarget, features));
    }

    [Fact]
    public void AHostWithoutItRefuses()
    {
        using var host = new EmulatedHost(HostProfile.BuiltIn["a64fx"]);
        using var memory = new GuestMemory(0x4000_0000, 4 << 20);
        var system = new KvmSystem(host, AbiProfile.Linux612, EngineFeatures.Implemented.Without(Feature.PAUTH));
        Assert.Equal(0, system.CheckExtension(171));
        using var vm = system.CreateVm(memory, 1, TimeProvider.System);
        Assert.Equal(Errno.Ok, vm.CreateVcpu(0, out var vcpu));
        Assert.Equal(Errno.EINVAL, vcpu!.Init(KvmSystem.GenericTarget, Address | Generic));
    }

    [Fact]
    public void TenKeyRegistersComeWithTheFeature()
    {
        using var vm = new TestVm();
        Assert.Equal(1, vm.System.CheckExtension(171));
        Assert.Equal(1, vm.System.CheckExtension(172));
        var with = new List<ulong>();
        var vcpu = vm.CreateReady(Address | Generic);
        Assert.Equal(Errno.Ok, vcpu.GetRegList(with));

        using var other = new TestVm();
        var without = new List<ulong>();
        var plain = other.CreateReady(0);
        Assert.Equal(Errno.Ok, plain.GetRegList(without));
        ulong[] keys = [0xc108, 0xc109, 0xc10a, 0xc10b, 0xc110, 0xc111, 0xc112, 0xc113, 0xc118, 0xc119];
        Assert.Equal(keys, with.Except(without).Select(id => id & 0xffff));

        var value = BitConverter.GetBytes(0x1234_5678_9abc_def0);
        Assert.Equal(Errno.ENOENT, plain.SetOneReg(ApiaKeyLo, value));
        Assert.Equal(Errno.ENOENT, plain.GetOneReg(ApiaKeyLo, new byte[8]));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(ApiaKeyLo, value));
        var read = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(ApiaKeyLo, read));
        Assert.Equal(value, read);
    }

    [Fact]
    public void IdentificationIsMaskedWithoutTheFeature()
    {
        using var vm = new TestVm();
        using var other = new TestVm();
        Assert.Equal((1ul << 8) | (1ul << 28), Read(vm.CreateReady(Address | Generic), Isar1) & PtrauthFields);
        Assert.Equal(0ul, Read(other.CreateReady(0), Isar1) & PtrauthFields);
    }

    private static ulong Read(KvmVcpu vcpu, ulong id)
    {
        var bytes = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, bytes));
        return BitConverter.ToUInt64(bytes);
    }
}
