using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using CloudVm.Hypervisor.Tests.Guests;

namespace CloudVm.Hypervisor.Tests.Machine;

/// <summary>Single registers of a machine's vCPU, through KVM's interface.</summary>
public sealed class RegisterAccessTests : IAsyncDisposable
{
    private readonly GuestMachine _machine = GuestMachine.Create(
        new MachineDefinition
        {
            VmId = Guid.CreateVersion7(),
            HostProfile = new HostProfileDefinition { Name = "max-pow2" },
            CpuCount = 1,
            MemoryMiB = 64,
            SveEnabled = true,
            VectorLengthsBits = [128, 256],
            Boot = new BootSource { KernelPath = HelloSveImage.CommittedPath },
        },
        TimeProvider.System);

    [Fact]
    public void Every_listed_register_is_found_by_id_and_by_name()
    {
        var list = _machine.ListRegisters(0)!.Registers;

        Assert.Equal("X0", list[0].Name);
        Assert.Equal("0x6030000000100000", list[0].Id);
        Assert.Equal(list.Count, list.Select(r => r.Name).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(["SVE_VLS", "Z31", "P15", "FFR", "PSTATE", "ZCR_EL1", "TIMER_CVAL", "PSCI_VERSION", "CCSIDR0"], name => Assert.Contains(list, r => r.Name == name));
        foreach (var register in list)
        {
            var byName = _machine.ReadRegister(0, register.Name);
            Assert.Equal(register, byName?.Register);
            Assert.Equal(register, _machine.ReadRegister(0, register.Id)?.Register);
            Assert.Equal(register.SizeBytes * 2, byName!.Bytes.Length);
        }
    }

    [Fact]
    public void What_does_not_exist_is_null()
    {
        Assert.Null(_machine.ReadRegister(0, "V0"));
        Assert.Null(_machine.ReadRegister(0, "0x6030000000100001"));
        Assert.Null(_machine.ReadRegister(1, "X0"));
        Assert.Null(_machine.ListRegisters(-1));
    }

    [Fact]
    public void Numbers_and_bytes_are_written_in_order()
    {
        PauseEarly();

        _machine.WriteRegisters(0, [new("x1", "0x1234"), new("X1", "0x55"), new("Z3", "0102"), new("PC", "0000004000000000")]);

        Assert.Equal("5500000000000000", _machine.ReadRegister(0, "X1")!.Bytes);
        Assert.Equal("0102" + new string('0', 508), _machine.ReadRegister(0, "Z3")!.Bytes);
        Assert.Equal("0x0000000040000000", _machine.ReadRegisters(0)!.Pc);
    }

    [Fact]
    public void One_refusal_undoes_everything_and_every_reason_is_named()
    {
        PauseEarly();
        _machine.WriteRegisters(0, [new("X2", "0x7"), new("P1", "ff")]);

        var refused = Assert.Throws<RegisterAccessException>(() => _machine.WriteRegisters(0,
            [new("X2", "0x8"), new("PSTATE", "0x1f"), new("P1", "00"), new("SVE_VLS", "0x1"), new("ID_AA64PFR0_EL1", "0x0")]));

        Assert.Equal(["/registers/1/value", "/registers/3/value", "/registers/4/value"], refused.Reasons.Select(r => r.Pointer));
        Assert.Contains("EPERM", refused.Reasons[1].Detail, StringComparison.Ordinal);
        Assert.Equal("0700000000000000", _machine.ReadRegister(0, "X2")!.Bytes);
        Assert.StartsWith("ff00", _machine.ReadRegister(0, "P1")!.Bytes, StringComparison.Ordinal);
    }

    [Fact]
    public void Malformed_writes_name_every_reason_and_change_nothing()
    {
        PauseEarly();
        _machine.WriteRegisters(0, [new("X2", "0x7")]);

        var refused = Assert.Throws<RegisterAccessException>(() => _machine.WriteRegisters(0,
            [new("X2", "0x8"), new("Q0", "0x1"), new("X3", "0x"), new("X4", "12345"), new("X5", "0011"), new("FPCR", "0x100000000"), new(null!, null!)]));

        Assert.Equal(6, refused.Reasons.Count);
        Assert.Equal("0700000000000000", _machine.ReadRegister(0, "X2")!.Bytes);
        Assert.Throws<RegisterAccessException>(() => _machine.WriteRegisters(0, []));
    }

    [Fact]
    public void Validation_changes_nothing()
    {
        PauseEarly();
        _machine.WriteRegisters(0, [new("X2", "0x7")]);

        _machine.WriteRegisters(0, [new("X2", "0x8"), new("Z0", "ff")], validateOnly: true);

        Assert.Equal("0700000000000000", _machine.ReadRegister(0, "X2")!.Bytes);
    }

    [Fact]
    public void A_machine_that_is_not_paused_takes_no_registers() =>
        Assert.Throws<MachineStateException>(() => _machine.WriteRegisters(0, [new("X0", "0x1")]));

    public async ValueTask DisposeAsync() => await _machine.DisposeAsync();

    private void PauseEarly()
    {
        _machine.Start();
        _machine.Pause();
    }
}
