using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;
using static CloudVm.Hypervisor.Tests.Kvm.Cases.VcpuAccess;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>PSCI switches a vCPU off and on as often as the guest likes: its SVE state is reset in place and its configuration stays.</summary>
public sealed unsafe class PowerCycleTests
{
    private const ulong CpuOff = 0x8400_0002;
    private const ulong CpuOn = 0xc400_0003;

    [Fact]
    public void OffAndOnKeepsStorageLengthsAndFinalize()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vm = host.Vm("1,2,4");
        var first = vm.CreateReady(TestVm.Sve | TestVm.Psci);
        var second = vm.Create(1);
        Assert.Equal(Errno.Ok, second.Init(KvmSystem.GenericTarget, TestVm.Sve | TestVm.Psci | TestVm.PowerOff));
        second.Write(Vls, 3);
        Assert.Equal(Errno.Ok, second.FinalizeFeature(4));
        var storage = (nint)second.Context;
        for (var round = 0; round < 3; round++)
        {
            Assert.Equal(0ul, vm.Vm.Firmware.Call(first, new(CpuOn, 1, 0x4000_0000, 42)).Result);
            Assert.Equal(0x4000_0000ul, second.Value(Pc));
            Assert.Equal(42ul, second.Value(X0));
            Assert.Equal(new byte[256], second.Read(Z0));
            Assert.Equal(0ul, second.Value(Zcr));
            Assert.Equal(3ul, second.Value(Vls));
            Assert.Equal(Errno.EPERM, second.FinalizeFeature(4));
            Assert.Equal(Errno.EPERM, second.Set(Vls, 1));
            Assert.Equal(storage, (nint)second.Context);

            Assert.Equal(Errno.Ok, second.SetOneReg(Z0, Counting(256)));
            second.Write(Zcr, 0xf);
            Assert.Equal(0ul, vm.Vm.Firmware.Call(second, new(CpuOff, 0, 0, 0)).Result);
            Assert.Equal([.. Counting(32), .. new byte[224]], second.Read(Z0));
        }
    }

    /// <summary>A suspended vCPU waits for an interrupt, says so, and goes on waiting until it is made runnable.</summary>
    [Fact]
    public void SuspendedVcpuReportsWakeups()
    {
        using var host = new CaseHost(AbiProfile.Linux612);
        var vcpu = host.WithoutSve();
        var guest = new CaseGuest(host, vcpu, 0);
        guest.Start(0xd2800540); // mov x0, #42
        Assert.Equal(Errno.Ok, vcpu.SetMpState(KvmMpState.Suspended));
        vcpu.Kick();
        Assert.Equal(Errno.EINTR, vcpu.Run());
        vcpu.SetInterruptLines(irq: true, fiq: false);
        for (var round = 0; round < 2; round++)
        {
            Assert.Equal(Errno.Ok, vcpu.Run());
            Assert.Equal((KvmExitReason.SystemEvent, KvmSystemEvent.Wakeup), (vcpu.RunState.ExitReason, vcpu.RunState.SystemEvent));
        }

        Assert.Equal(Errno.Ok, vcpu.SetMpState(KvmMpState.Runnable));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(KvmExitReason.Mmio, vcpu.RunState.ExitReason);
        Assert.Equal(42ul, vcpu.Value(X0));
    }
}
