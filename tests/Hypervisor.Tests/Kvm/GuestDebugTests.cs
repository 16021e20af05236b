using System.Buffers.Binary;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>KVM_SET_GUEST_DEBUG: one instruction is one step, whoever executes it.</summary>
public sealed class GuestDebugTests
{
    private const ulong Start = 0x4000_0000;
    private const ulong Uart = 0x0900_0000;

    [Theory]
    [InlineData(0x91000400u)] // add x0, x0, #1
    [InlineData(0x1e6e1000u)] // fmov d0, #1.0: loads the FP registers first
    [InlineData(0x04bf5020u)] // rdvl x0, #1: loads the SVE registers first
    [InlineData(0xd538a000u)] // mrs x0, ICC_PMR_EL1's neighbour: trapped or UNDEFINED, KVM deals with it
    [InlineData(0xd503207fu)] // wfi: done without waiting
    [InlineData(0xd503205fu)] // wfe
    [InlineData(0xd4000002u)] // hvc #0
    public void Step_is_one_instruction(uint word)
    {
        using var vm = new TestVm();
        var vcpu = Create(vm, word, 0xd503201f);
        Assert.Equal(Errno.Ok, vcpu.SetGuestDebug(new KvmGuestDebug(true, DebugControls.None)));

        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal((KvmExitReason.Debug, KvmDebugStop.Step), (vcpu.RunState.ExitReason, vcpu.RunState.DebugStop));
        Assert.True(Pc(vcpu) is Start + 4 || word == 0xd538a000);
        Assert.NotEqual(Start, Pc(vcpu));
    }

    [Fact]
    public void Step_over_an_access_to_a_device_ends_when_the_monitor_has_answered()
    {
        using var vm = new TestVm();
        var vcpu = Create(vm, 0xb9400020, 0xd503201f); // ldr w0, [x1]
        Set(vcpu, RegisterId.CoreRegister(2, RegisterId.U64), Uart);
        vcpu.SetGuestDebug(new KvmGuestDebug(true, DebugControls.None));

        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal((KvmExitReason.Mmio, Uart), (vcpu.RunState.ExitReason, vcpu.RunState.MmioAddress));
        vcpu.RunState.MmioData = 0x1234;
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal((KvmExitReason.Debug, KvmDebugStop.Step), (vcpu.RunState.ExitReason, vcpu.RunState.DebugStop));
        Assert.Equal((Start + 4, 0x1234UL), (Pc(vcpu), Get(vcpu, RegisterId.CoreRegister(0, RegisterId.U64))));
    }

    [Fact]
    public void Interrupts_wait_while_the_guest_is_stepped()
    {
        using var vm = new TestVm();
        var vcpu = Create(vm, 0xd503201f, 0xd503201f);
        Set(vcpu, RegisterId.CoreRegister(RegisterId.CorePstate, RegisterId.U64), 5);
        vcpu.SetInterruptLines(irq: true, fiq: false);
        vcpu.SetGuestDebug(new KvmGuestDebug(true, DebugControls.None));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(Start + 4, Pc(vcpu));

        // Now it is taken, at the vector, where a breakpoint waits.
        Set(vcpu, RegisterId.SystemRegister(SystemRegister.VBAR_EL1), Start + 0x8000);
        vcpu.SetGuestDebug(new KvmGuestDebug(false, new DebugControls([Start + 0x8280], [])));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal((KvmExitReason.Debug, KvmDebugStop.Breakpoint), (vcpu.RunState.ExitReason, vcpu.RunState.DebugStop));
        Assert.Equal((Start + 0x8280, Start + 0x8280), (Pc(vcpu), vcpu.RunState.DebugAddress));
        vcpu.SetGuestDebug(KvmGuestDebug.Off);
    }

    [Fact]
    public void Translation_for_a_debugger_changes_no_descriptor_and_needs_no_access_flag()
    {
        const ulong Tables = Start + 0x10_0000;
        const ulong Block = 0b01 | 3 << 8; // access flag clear
        using var vm = new TestVm();
        var vcpu = Create(vm, 0xd503201f);
        Span<byte> descriptor = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, Start | Block);
        Assert.True(vm.Memory.TryWrite(Tables + 16, descriptor));
        Set(vcpu, RegisterId.SystemRegister(SystemRegister.TTBR0_EL1), Tables);
        Set(vcpu, RegisterId.SystemRegister(SystemRegister.TCR_EL1), 25 | 1UL << 23 | 2UL << 32);
        Set(vcpu, RegisterId.SystemRegister(SystemRegister.SCTLR_EL1), 0x00c5_0079);

        Assert.True(vcpu.TryTranslate(0x8000_1234, out var address));
        Assert.Equal(new GuestPhysicalAddress(Start + 0x1234), address);
        Assert.False(vcpu.TryTranslate(0x4000_0000, out _));
        Span<byte> after = stackalloc byte[8];
        Assert.True(vm.Memory.TryRead(Tables + 16, after));
        Assert.True(after.SequenceEqual(descriptor));
    }

    private static KvmVcpu Create(TestVm vm, params ReadOnlySpan<uint> words)
    {
        Assert.True(vm.Memory.TryWrite(Start, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));
        var vcpu = vm.CreateReady(TestVm.Sve | TestVm.Psci);
        Set(vcpu, RegisterId.CoreRegister(RegisterId.CorePc, RegisterId.U64), Start);
        Set(vcpu, RegisterId.SystemRegister(SystemRegister.CPACR_EL1), 0x33_0000);
        return vcpu;
    }

    private static ulong Pc(KvmVcpu vcpu) => Get(vcpu, RegisterId.CoreRegister(RegisterId.CorePc, RegisterId.U64));

    private static ulong Get(KvmVcpu vcpu, ulong id)
    {
        Span<byte> value = stackalloc byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(id, value));
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }

    private static void Set(KvmVcpu vcpu, ulong id, ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(id, bytes));
    }
}
