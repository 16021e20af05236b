using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>KVM_ARM_SET_COUNTER_OFFSET.</summary>
public sealed class CounterOffsetTests
{
    private const int Capability = 227;
    private const ulong TimerCount = 0x603000000013df1a;
    private const ulong PhysicalTimerCount = 0x603000000013df01;

    /// <summary>Ticks that a test surely does not take: ten minutes.</summary>
    private const ulong Long = 600 * 62_500_000UL;

    [Fact]
    public void Both_counters_are_the_hosts_less_the_offset_and_are_set_no_other_way()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(0);
        Assert.Equal(1, vm.Vm.CheckExtension(Capability));

        Assert.Equal(Errno.Ok, vm.Vm.SetCounterOffset(new(0)));
        var host = vcpu.Value(TimerCount);
        var offset = host + (2 * Long); // beyond the host's counter: the guest's wraps
        Assert.Equal(Errno.Ok, vm.Vm.SetCounterOffset(new(offset)));
        Assert.InRange(vcpu.Value(TimerCount) + offset, host, host + Long);
        Assert.InRange(vcpu.Value(PhysicalTimerCount) + offset, host, host + Long);

        Assert.Equal(Errno.Ok, vcpu.Set(TimerCount, 0));
        Assert.Equal(Errno.Ok, vcpu.Set(PhysicalTimerCount, 0));
        Assert.InRange(vcpu.Value(TimerCount) + offset, host, host + Long);
    }

    [Fact]
    public void Bad_structures_are_refused()
    {
        using var vm = new TestVm();

        Assert.Equal(Errno.EFAULT, vm.Vm.SetCounterOffset(null));
        Assert.Equal(Errno.EINVAL, vm.Vm.SetCounterOffset(new(0, Reserved: 1)));
        Assert.Equal(Errno.Ok, vm.Vm.SetCounterOffset(new(0)));
    }

    [Theory]
    [InlineData("linux-6.1")]
    [InlineData("rfc-2018")]
    public void Older_kernels_have_no_such_call(string profile)
    {
        using var vm = new TestVm(abi: AbiProfile.Find(profile)!);

        Assert.Equal(0, vm.Vm.CheckExtension(Capability));
        Assert.Equal(Errno.EINVAL, vm.Vm.SetCounterOffset(new(0)));
    }

    [Fact]
    public async Task A_VM_with_a_vCPU_in_RUN_is_busy()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.PowerOff);
        var run = Task.Factory.StartNew(vcpu.Run, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Assert.True(SpinWait.SpinUntil(() => vcpu.IsInRun, TimeSpan.FromMinutes(1)));

        Assert.Equal(Errno.EBUSY, vm.Vm.SetCounterOffset(new(0)));
        vcpu.Kick();
        Assert.Equal(Errno.EINTR, await run);
        Assert.Equal(Errno.Ok, vm.Vm.SetCounterOffset(new(0)));
    }
}
