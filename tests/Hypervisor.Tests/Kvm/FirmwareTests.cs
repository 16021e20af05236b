using System.Buffers.Binary;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Tests.Kvm.Cases;

namespace CloudVm.Hypervisor.Tests.Kvm;

/// <summary>PSCI, SMCCC and TRNG, answer for answer as Linux's KVM gives them.</summary>
public sealed class FirmwareTests
{
    private const ulong NotSupported = ulong.MaxValue;
    private const ulong InvalidParameters = unchecked((ulong)-2);
    private const ulong AlreadyOn = unchecked((ulong)-4);
    private const ulong PsciVersionRegister = 0x6030000000140000;
    private const ulong StandardServices = 0x6030000000160000;

    [Theory]
    [InlineData(0x8400_0000UL, 0UL, 0x1_0001UL)] // PSCI_VERSION
    [InlineData(0x8400_0006UL, 0UL, 2UL)] // MIGRATE_INFO_TYPE
    [InlineData(0x8000_0000UL, 0UL, 0x1_0001UL)] // SMCCC_VERSION
    [InlineData(0x8000_0001UL, 0x8000_8000UL, InvalidParameters)] // ARCH_WORKAROUND_1: not required
    [InlineData(0x8000_0001UL, 0x8000_7fffUL, InvalidParameters)]
    [InlineData(0x8000_0001UL, 0x8000_3fffUL, 1UL)] // ARCH_WORKAROUND_3: unaffected
    [InlineData(0x8000_0001UL, 0x8000_0002UL, NotSupported)] // SMCCC_ARCH_SOC_ID
    [InlineData(0x8400_000dUL, 0UL, NotSupported)] // NODE_HW_STATE
    [InlineData(0xc400_000eUL, 0UL, NotSupported)] // SYSTEM_SUSPEND
    [InlineData(0xc400_0000UL, 0UL, NotSupported)] // no 64-bit PSCI_VERSION
    [InlineData(0x8400_0005UL, 0UL, NotSupported)] // MIGRATE
    [InlineData(0x8600_0000UL, 0UL, 3UL)] // KVM's own functions: the list and PTP
    [InlineData(0x8600_0002UL, 0UL, NotSupported)]
    [InlineData(0x8000_0001UL, 0xc500_0020UL, 0UL)] // paravirtualised time may be asked about
    [InlineData(0xc500_0020UL, 0xc500_0021UL, NotSupported)] // but no stolen time is there
    [InlineData(0x1234UL, 0UL, NotSupported)]
    public void Simple_calls(ulong function, ulong argument, ulong expected)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        Assert.Equal(new FirmwareAnswer(expected), vm.Vm.Firmware.Call(vcpu, new(function, argument, 0, 0)));
    }

    [Theory]
    [InlineData(0x8400_0001UL, true)]
    [InlineData(0xc400_0001UL, true)]
    [InlineData(0xc400_0003UL, true)]
    [InlineData(0x8400_0002UL, true)]
    [InlineData(0xc400_0002UL, false)]
    [InlineData(0xc400_0004UL, true)]
    [InlineData(0x8400_0008UL, true)]
    [InlineData(0x8400_000aUL, true)]
    [InlineData(0xc400_0012UL, true)]
    [InlineData(0x8400_000eUL, false)]
    [InlineData(0x8400_000dUL, false)]
    [InlineData(0x8000_0000UL, true)]
    [InlineData(0x8000_0001UL, false)]
    public void Features_lists_what_exists(ulong function, bool exists)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        Assert.Equal(exists ? 0 : NotSupported, vm.Vm.Firmware.Call(vcpu, new(0x8400_000a, function, 0, 0)).Result);
    }

    [Fact]
    public void Cpu_on_checks_its_target_in_the_kernels_order()
    {
        using var vm = new TestVm();
        var first = vm.CreateReady(TestVm.Psci);
        var second = vm.CreateReady(TestVm.Psci | TestVm.PowerOff, 1);
        const ulong CpuOn64 = 0xc400_0003;
        ulong On(ulong function, ulong target) => vm.Vm.Firmware.Call(first, new(function, target, 0x4000_1000, 42)).Result;
        Assert.Equal(InvalidParameters, On(CpuOn64, 2));
        Assert.Equal(InvalidParameters, On(CpuOn64, 1 | 1UL << 31));
        Assert.Equal(AlreadyOn, On(CpuOn64, 0));
        Assert.Equal(1UL, Affinity(1, 0));
        Assert.Equal(0UL, On(0x8400_0003, 1 | 1UL << 40)); // the 32-bit form does not see upper halves
        Assert.False(second.PoweredOff);
        Assert.Equal(AlreadyOn, On(CpuOn64, 1));
        Assert.Equal(0UL, Affinity(1, 0));
        var pc = new byte[8];
        Assert.Equal(Errno.Ok, second.GetOneReg(0x6030000000100040, pc));
        Assert.Equal(0x4000_1000UL, BinaryPrimitives.ReadUInt64LittleEndian(pc));

        Assert.Equal(0UL, vm.Vm.Firmware.Call(second, new(0x8400_0002, 0, 0, 0)).Result);
        Assert.Equal(1UL, Affinity(1, 0));
        Assert.Equal(0UL, Affinity(1, 1)); // at level 1 the first vCPU counts too
        Assert.Equal(0UL, Affinity(0, 3));
        Assert.Equal(InvalidParameters, Affinity(0, 4));
        Assert.Equal(InvalidParameters, Affinity(0x0100, 0));
        Assert.Equal(InvalidParameters, Affinity(1UL << 24, 0));

        ulong Affinity(ulong target, ulong level) => vm.Vm.Firmware.Call(first, new(0xc400_0004, target, level, 0)).Result;
    }

    [Theory]
    [InlineData(0x8400_0008UL, 0UL, (int)FirmwareEffect.Shutdown)]
    [InlineData(0x8400_0009UL, 0UL, (int)FirmwareEffect.Reset)]
    [InlineData(0x8400_0012UL, 0UL, (int)FirmwareEffect.Reset)]
    [InlineData(0xc400_0012UL, 0x8000_0000UL, (int)FirmwareEffect.Reset)]
    [InlineData(0xc400_0012UL, 1UL, (int)FirmwareEffect.None)]
    public void System_events_stop_every_vcpu(ulong function, ulong type, int effect)
    {
        using var vm = new TestVm();
        var first = vm.CreateReady(TestVm.Psci);
        var second = vm.CreateReady(TestVm.Psci, 1);
        var answer = vm.Vm.Firmware.Call(first, new(function, type, 0, 0));
        Assert.Equal((FirmwareEffect)effect, answer.Effect);
        Assert.Equal(answer.Effect != FirmwareEffect.None, first.PoweredOff && second.PoweredOff);

        // A guest that goes on after all finds an internal failure.
        Assert.Equal(answer.Effect == FirmwareEffect.None ? InvalidParameters : unchecked((ulong)-6), answer.Result);
    }

    [Theory]
    [InlineData(2UL, 0x8400_000aUL, false)]
    [InlineData(0x1_0000UL, 0x8400_000aUL, true)]
    [InlineData(0x1_0000UL, 0x8400_0012UL, false)]
    public void Older_versions_lack_what_came_later(ulong version, ulong function, bool exists)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(PsciVersionRegister, BitConverter.GetBytes(version)));
        Assert.Equal(version, vm.Vm.Firmware.Call(vcpu, new(0x8400_0000, 0, 0, 0)).Result);
        Assert.Equal(exists, vm.Vm.Firmware.Call(vcpu, new(function, 0x8400_0000, 0, 0)).Result != NotSupported);
    }

    [Fact]
    public void Vcpus_without_the_feature_have_psci_01()
    {
        using var vm = new TestVm();
        var first = vm.CreateReady(0);
        var second = vm.CreateReady(TestVm.PowerOff, 1);
        Assert.Equal(NotSupported, vm.Vm.Firmware.Call(first, new(0x8400_0000, 0, 0, 0)).Result);
        Assert.Equal(0UL, vm.Vm.Firmware.Call(first, new(0x95c1_ba60, 1, 0x4000_0000, 0)).Result);
        Assert.False(second.PoweredOff);
        Assert.Equal(InvalidParameters, vm.Vm.Firmware.Call(first, new(0x95c1_ba60, 1, 0, 0)).Result);
    }

    [Theory]
    [InlineData(96UL, 0x0b0a_0908UL, 0x0706_0504UL)]
    [InlineData(40UL, 0UL, 0x04UL)]
    public void Entropy_of_32_bit_calls_comes_least_significant_register_last(ulong bits, ulong first, ulong second)
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        vm.Vm.Firmware.Trng.Source = Pattern;
        var answer = vm.Vm.Firmware.Call(vcpu, new(0x8400_0053, bits, 0, 0));
        Assert.Equal(new FirmwareAnswer(0, Result1: first, Result2: second, Result3: 0x0302_0100), answer);
    }

    [Fact]
    public void Entropy_service_checks_sizes_and_says_what_it_has()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        vm.Vm.Firmware.Trng.Source = Pattern;
        FirmwareAnswer Call(ulong function, ulong argument) => vm.Vm.Firmware.Call(vcpu, new(function, argument, 0, 0));
        Assert.Equal(0x1_0000UL, Call(0x8400_0050, 0).Result);
        Assert.Equal(0UL, Call(0x8400_0051, 0xc400_0053).Result);
        Assert.Equal(NotSupported, Call(0x8400_0051, 0x8400_0000).Result);
        Assert.Equal(new FirmwareAnswer(0x00e0_210d, Result1: 0xeb11_8443, Result2: 0x4452_7080, Result3: 0x4c5a_4e55), Call(0x8400_0052, 0));
        Assert.Equal(new FirmwareAnswer(0, Result1: 0x1716_1514_1312_1110, Result2: 0x0f0e_0d0c_0b0a_0908, Result3: 0x0706_0504_0302_0100), Call(0xc400_0053, 192));
        Assert.Equal(new FirmwareAnswer(0, Result2: 8, Result3: 0x0706_0504_0302_0100), Call(0xc400_0053, 72));
        Assert.Equal(InvalidParameters, Call(0xc400_0053, 193).Result);
        Assert.Equal(InvalidParameters, Call(0x8400_0053, 97).Result);
    }

    [Fact]
    public void Entropy_service_can_be_switched_off_before_the_first_run()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);
        Assert.Equal(Errno.EINVAL, vcpu.SetOneReg(StandardServices, BitConverter.GetBytes(2UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(StandardServices, BitConverter.GetBytes(0UL)));
        Assert.Equal(NotSupported, vm.Vm.Firmware.Call(vcpu, new(0x8400_0050, 0, 0, 0)).Result);

        // An HVC that runs and stops: hvc #0 with SYSTEM_OFF.
        Assert.True(vm.Memory.TryWrite(0x4000_0000, BitConverter.GetBytes(0xd400_0002)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100040, BitConverter.GetBytes(0x4000_0000UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100000, BitConverter.GetBytes(0x8400_0008UL)));
        Assert.Equal(Errno.Ok, vcpu.Run());
        Assert.Equal(KvmExitReason.SystemEvent, vcpu.RunState.ExitReason);
        Assert.Equal(Errno.EBUSY, vcpu.SetOneReg(StandardServices, BitConverter.GetBytes(1UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(StandardServices, BitConverter.GetBytes(0UL)));
    }

    /// <summary>Every call writes X0 to X3, as SMCCC's results are.</summary>
    [Fact]
    public void Calls_write_four_registers()
    {
        using var vm = new TestVm();
        var vcpu = vm.CreateReady(TestVm.Psci);

        // hvc #0; mov x4, x1; mov w0, #8; movk w0, #0x8400, lsl #16; hvc #0
        ReadOnlySpan<uint> words = [0xd4000002, 0xaa0103e4, 0x52800100, 0x72b08000, 0xd4000002];
        Assert.True(vm.Memory.TryWrite(0x4000_0000, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100040, BitConverter.GetBytes(0x4000_0000UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100000, BitConverter.GetBytes(0x1234UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100002, BitConverter.GetBytes(99UL)));
        Assert.Equal(Errno.Ok, vcpu.SetOneReg(0x6030000000100008, BitConverter.GetBytes(99UL)));
        Assert.Equal(Errno.Ok, vcpu.Run());
        var x4 = new byte[8];
        Assert.Equal(Errno.Ok, vcpu.GetOneReg(0x6030000000100008, x4));
        Assert.Equal(new byte[8], x4);
    }

    /// <summary>From 6.4 on SMC calls firmware too; before that it is skipped with the answer NOT_SUPPORTED, as is one with an immediate.</summary>
    [Theory]
    [InlineData("linux-6.12", 0u, 0x1_0001UL)]
    [InlineData("linux-6.12", 1u, NotSupported)]
    [InlineData("linux-6.1", 0u, NotSupported)]
    [InlineData("linux-6.1", 1u, NotSupported)]
    [InlineData("rfc-2018", 0u, NotSupported)]
    public void Smc_is_a_conduit_in_newer_kernels(string profile, uint immediate, ulong expected)
    {
        using var host = new CaseHost(AbiProfile.Find(profile)!);
        var guest = new CaseGuest(host, host.Initialized(TestVm.Psci), 0);
        guest.Vcpu.Write(VcpuAccess.X0, 0x8400_0000); // PSCI_VERSION
        Assert.Equal(expected, guest.Run(0xd400_0003 | immediate << 5));
    }

    private static void Pattern(Span<byte> buffer)
    {
        for (var i = 0; i < buffer.Length; i++)
            buffer[i] = (byte)i;
    }
}
