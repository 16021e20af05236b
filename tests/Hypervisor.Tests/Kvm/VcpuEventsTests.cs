using System.Buffers.Binary;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS on a host without RAS.</summary>
public sealed class VcpuEventsTests
{
    private const ulong Pc = 0x6030000000100040;
    private const ulong X0 = 0x6030000000100000;
    private const ulong Esr = 0x603000000013c290;
    private const ulong Far = 0x603000000013c300;
    private const ulong Vbar = 0x603000000013c600;

    [Fact]
    public void Pending_serror_waits_for_the_mask_and_is_reported_until_taken()
    {
        using var vm = new TestVm();
        var vcpu = Ready(vm, 0xd503201f, 0xd2800100, 0xf2b08000, 0xd4000002); // nop; SYSTEM_OFF
        Assert.Equal(Errno.Ok, vcpu.SetEvents(new(true, false, false, 0)));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(Errno.Ok, vcpu.GetEvents(out var events));
        Assert.Equal(new KvmVcpuEvents(true, false, false, 0), events);

        // msr daifclr, #4 lets it in; at its vector: SYSTEM_OFF.
        Write(vm, 0x4000_0000, 0xd50344ff, 0x14000000);
        Write(vm, 0x4000_8380, 0xd2800100, 0xf2b08000, 0xd4000002);
        Restart(vcpu);
        Assert.Equal(Errno.EINTR, vcpu.Run()); // SYSTEM_OFF has kicked every vCPU
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(0xbe00_0000UL, Get(vcpu, Esr));
        Assert.Equal(Errno.Ok, vcpu.GetEvents(out events));
        Assert.False(events.SErrorPending);
    }

    [Fact]
    public void A_syndrome_needs_ras_and_uninitialised_vcpus_have_no_events()
    {
        using var vm = new TestVm();
        var vcpu = vm.Create();
        Assert.Equal(Errno.ENOEXEC, vcpu.GetEvents(out _));
        Assert.Equal(Errno.ENOEXEC, vcpu.SetEvents(default));
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.Psci));
        Assert.Equal(Errno.EINVAL, vcpu.SetEvents(new(true, true, false, 2)));
        Assert.Equal(Errno.Ok, vcpu.GetEvents(out var events));
        Assert.False(events.SErrorPending);
    }

    /// <summary>A monitor that has nothing at an address answers an MMIO exit with an external abort.</summary>
    [Fact]
    public void External_abort_takes_the_place_of_an_mmio_answer()
    {
        // ldr w0, [x0]; the vector: SYSTEM_OFF
        using var vm = new TestVm();
        var vcpu = Ready(vm, 0xb9400000);
        Write(vm, 0x4000_8200, 0xd2800100, 0xf2b08000, 0xd4000002);
        Set(vcpu, X0, 0x1000);
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(KvmExitReason.Mmio, vcpu.RunState.ExitReason);
        Assert.Equal(Errno.Ok, vcpu.SetEvents(new(false, false, true, 0)));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(KvmExitReason.SystemEvent, vcpu.RunState.ExitReason);
        Assert.Equal(0x9600_0010UL, Get(vcpu, Esr));
        Assert.Equal(0x1000UL, Get(vcpu, Far));
    }

    private static KvmVcpu Ready(TestVm vm, params ReadOnlySpan<uint> words)
    {
        var vcpu = vm.CreateReady(TestVm.Psci);
        Write(vm, 0x4000_0000, words);
        Set(vcpu, Vbar, 0x4000_8000);
        Set(vcpu, Pc, 0x4000_0000);
        return vcpu;
    }

    // SYSTEM_OFF has switched the vCPU off, as it does for good; INIT switches it on again.
    private static void Restart(KvmVcpu vcpu)
    {
        Assert.Equal(Errno.Ok, vcpu.Init(KvmSystem.GenericTarget, TestVm.Psci));
        Assert.Equal(Errno.Ok, vcpu.SetEvents(new(true, false, false, 0)));
        Set(vcpu, Vbar, 0x4000_8000);
        Set(vcpu, Pc, 0x4000_0000);
    }

    private static void Write(TestVm vm, ulong address, params ReadOnlySpan<uint> words) =>
        Assert.True(vm.Memory.TryWrite(address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));

    private static void Set(KvmVcpu vcpu, ulong id, ulong value) => Assert.Equal(Errno.Ok, vcpu.SetOneReg(id, BitConverter.GetBytes(value)));

    private static ulong Get(KvmVcpu vcpu, ulong id)
    {
        var value = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, value));
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }
}
