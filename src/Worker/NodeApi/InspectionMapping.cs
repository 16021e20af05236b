using CloudVm.Contracts.Control;
using CloudVm.Contracts.Vms;
using ControlRegisters = CloudVm.Contracts.Control.VcpuRegisters;
using VcpuCounters = CloudVm.Contracts.Vms.VcpuCounters;
using VcpuRegisters = CloudVm.Contracts.Vms.VcpuRegisters;

namespace CloudVm.Worker.NodeApi;

/// <summary>Turns what a Hypervisor process says into what the REST API shows.</summary>
internal static class InspectionMapping
{
    private const int AdvSimdBits = 128;

    public static VcpuRegisters ToContract(ControlRegisters registers)
    {
        // PSTATE.SP (bit 0 of the SPSR layout) says which stack pointer is SP now.
        bool usesEl1Stack = (Convert.ToUInt64(registers.Pstate, 16) & 1) != 0;
        Dictionary<string, string> system = new(registers.System, StringComparer.Ordinal)
        {
            ["SP_EL0"] = registers.SpEl0,
            ["SP_EL1"] = registers.SpEl1,
        };
        return new VcpuRegisters
        {
            Index = registers.Index,
            X = registers.X,
            Sp = usesEl1Stack ? registers.SpEl1 : registers.SpEl0,
            Pc = registers.Pc,
            Pstate = registers.Pstate,
            Fpcr = registers.Fpcr,
            Fpsr = registers.Fpsr,
            VectorLengthBits = registers.MaxVectorLengthBits == 0 ? AdvSimdBits : registers.MaxVectorLengthBits,
            EffectiveVectorLengthBits = registers.VectorLengthBits,
            Z = registers.Z,
            P = registers.P,
            Ffr = registers.Ffr,
            System = system,
        };
    }

    /// <summary>The vector registers lane by lane.</summary>
    /// <param name="registers">All registers of a vCPU.</param>
    /// <param name="elementBits">Lane width, one of <see cref="VectorFormat.Widths"/>.</param>
    /// <param name="format">How lanes are written.</param>
    public static VcpuVectors ToVectors(ControlRegisters registers, int elementBits, LaneView format)
    {
        int effectiveBits = registers.VectorLengthBits == 0 ? AdvSimdBits : registers.VectorLengthBits;
        return new VcpuVectors
        {
            Index = registers.Index,
            VectorLengthBits = Math.Max(registers.MaxVectorLengthBits, AdvSimdBits),
            EffectiveVectorLengthBits = registers.VectorLengthBits,
            ElementBits = elementBits,
            Format = format,
            Z = [.. registers.Z.Select(z => VectorFormat.Lanes(z, effectiveBits, elementBits, format))],
            P = [.. registers.P.Select(p => VectorFormat.Predicate(p, effectiveBits, elementBits))],
            Ffr = registers.Ffr is { } ffr ? VectorFormat.Predicate(ffr, effectiveBits, elementBits) : null,
        };
    }

    public static VcpuRegisterList ToContract(IReadOnlyList<RegisterInfo> registers) =>
        new() { Registers = [.. registers.Select(r => new VcpuRegisterInfo(r.Id, r.Name, r.SizeBytes))] };

    public static VcpuRegister ToContract(RegisterContent content) => new()
    {
        Id = content.Register.Id,
        Name = content.Register.Name,
        SizeBytes = content.Register.SizeBytes,
        Value = content.Register.SizeBytes <= sizeof(ulong) ? ToNumber(content.Bytes) : null,
        Bytes = content.Bytes,
    };

    public static VmDebugger ToContract(DebuggerStatus debugger) =>
        new() { Attached = debugger.Attached, Stopped = debugger.Stopped, Address = debugger.Address, Port = debugger.Port };

    public static VmCounters ToContract(MachineCounters counters, DateTimeOffset at)
    {
        Dictionary<string, long> machine = new(StringComparer.Ordinal)
        {
            ["retiredInstructions"] = (long)counters.RetiredInstructions,
            ["mmioAccesses"] = (long)counters.MmioAccesses,
            ["interruptsDelivered"] = (long)counters.InterruptsDelivered,
            ["undefinedEncodings"] = counters.UndefinedEncodings.Sum(encoding => (long)encoding.Count),
        };
        foreach (UndefinedEncoding encoding in counters.UndefinedEncodings)
            machine[$"undefined.{encoding.Word}"] = (long)encoding.Count;
        return new VmCounters { At = at, Machine = machine, Vcpus = [.. counters.Vcpus.Select(ToContract)] };
    }

    private static string ToNumber(string bytes)
    {
        byte[] value = Convert.FromHexString(bytes);
        Array.Reverse(value);
        return $"0x{Convert.ToHexStringLower(value)}";
    }

    private static VcpuCounters ToContract(Contracts.Control.VcpuCounters vcpu)
    {
        Dictionary<string, long> values = new(StringComparer.Ordinal)
        {
            ["retiredInstructions"] = (long)vcpu.RetiredInstructions,
            ["fpTraps"] = (long)vcpu.FpTraps,
            ["sveTraps"] = (long)vcpu.SveTraps,
            ["fpLoads"] = (long)vcpu.FpLoads,
            ["fpSaves"] = (long)vcpu.FpSaves,
            ["vectorLengthChanges"] = (long)vcpu.VectorLengthChanges,
            ["tlbMisses"] = (long)vcpu.TlbMisses,
            ["blocksDecoded"] = (long)vcpu.BlocksDecoded,
        };
        foreach ((string reason, ulong count) in vcpu.Exits)
            values[$"exits.{reason}"] = (long)count;
        return new VcpuCounters(vcpu.Index, values);
    }
}
