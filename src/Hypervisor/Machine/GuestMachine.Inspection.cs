using System.Globalization;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Machine;

/// <summary>What others see of the machine.</summary>
public sealed unsafe partial class GuestMachine
{
    private const int MaxUndefinedListed = 64;

    private bool ListensForShutdown =>
        _gpio.IsInterruptEnabled(Devices.Pl061.Pl061.PowerButton) || _virtio.Console.AgentConnected;

    /// <summary>State and progress of the machine.</summary>
    public MachineStatus ReadStatus()
    {
        var exit = _ended.Task.IsCompletedSuccessfully ? _ended.Task.GetAwaiter().GetResult() : null;
        return new MachineStatus(
            State,
            exit?.Reason,
            exit?.Detail,
            _vcpus.Count,
            _vcpus.Count(v => !v.PoweredOff),
            _vm.Clock.Now / (VirtualClock.Frequency / 1000),
            (ulong)_vcpus.Sum(v => v.EngineCounters.RetiredInstructions),
            Console.End,
            _log?.Length ?? 0,
            Interlocked.Read(ref _resets))
        {
            ListensForShutdown = ListensForShutdown,
            LastDeviceEvent = _virtio.Events.Last,
            Host = HostLengths,
        };
    }

    /// <summary>What booting the emulated host found, for a log.</summary>
    internal string HostReport => _host.ToString();

    private HostVectorLengths HostLengths
    {
        get
        {
            var map = _host.VectorLengths;
            return new(
                [.. _host.Cpus.Select(cpu => cpu.ProbedLengths.ToLengthsBits())],
                map.Common.ToLengthsBits(),
                map.Partial.ToLengthsBits(),
                map.ArithmeticBoundVq * 128,
                map.Policy,
                map.Virtualisable.ToLengthsBits());
        }
    }

    /// <summary>What devices reported after the event numbered <paramref name="after"/>, as far as it is kept; oldest first.</summary>
    public IReadOnlyList<DeviceEvent> ReadDeviceEvents(long after) => _virtio.Events.Read(after);

    /// <summary>The memory balloon; asking has the guest's statistics renewed for the next time.</summary>
    public BalloonStatus ReadBalloon() => new(
        _virtio.Balloon.TargetBytes,
        _virtio.Balloon.ActualBytes,
        _virtio.Balloon.InflatedBytes,
        _virtio.Balloon.ReportedBytes,
        _virtio.Balloon.ReadStatistics());

    /// <summary>Event counters. Running vCPUs may be a little further than what is returned.</summary>
    public MachineCounters ReadCounters()
    {
        var undefined = new Dictionary<uint, ulong>();
        foreach (var (word, count) in _vcpus.SelectMany(v => v.EngineCounters.Undefined.Snapshot()))
            undefined[word] = undefined.GetValueOrDefault(word) + (ulong)count;
        return new MachineCounters(
            (ulong)_vcpus.Sum(v => v.EngineCounters.RetiredInstructions),
            _vcpus.Aggregate(0ul, (sum, v) => sum + v.Counters.MmioAccesses),
            _vm.Gic.Delivered,
            [.. _vcpus.Select(ReadCounters)],
            [.. undefined.OrderByDescending(u => u.Value).Take(MaxUndefinedListed)
                .Select(u => new UndefinedEncoding(u.Key.ToString("x8", CultureInfo.InvariantCulture), u.Value))]);
    }

    /// <summary>Registers of one vCPU, at a safe point; null if there is no such vCPU.</summary>
    public VcpuRegisters? ReadRegisters(int index) =>
        index < 0 || index >= _vcpus.Count ? null : WhileHalted(() => ReadRegisters(_vcpus[index]));

    /// <summary>Which chunks of memory hold data and which were written in the running dirty epoch.</summary>
    public MemoryChunkMap ReadChunkMap()
    {
        var touched = new byte[(Memory.ChunkCount + 7) / 8];
        for (var chunk = 0; chunk < Memory.ChunkCount; chunk++)
        {
            if (Memory.IsChunkTouched(chunk))
                touched[chunk >> 3] |= (byte)(1 << (chunk & 7));
        }

        var words = new ulong[(Memory.ChunkCount + 63) / 64];
        Memory.CollectDirty(words);
        var dirty = System.Runtime.InteropServices.MemoryMarshal.AsBytes(words.AsSpan())[..touched.Length].ToArray();
        return new MemoryChunkMap(
            Hex(Memory.Base), ControlProtocol.ChunkBytes, Memory.ChunkCount, Interlocked.Read(ref _dirtyEpoch), touched, dirty);
    }

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x16}");

    private static VcpuCounters ReadCounters(KvmVcpu vcpu)
    {
        var exits = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var reason in Enum.GetValues<ExitReason>())
        {
            if (vcpu.Counters.Exits(reason) is > 0 and var count)
                exits[reason.ToString()] = count;
        }

        return new VcpuCounters
        {
            Index = vcpu.Index,
            RetiredInstructions = (ulong)vcpu.EngineCounters.RetiredInstructions,
            Exits = exits,
            FpTraps = vcpu.Counters.FpTraps,
            SveTraps = vcpu.Counters.SveTraps,
            FpLoads = vcpu.Counters.FpLoads,
            FpSaves = vcpu.Counters.FpSaves,
            VectorLengthChanges = vcpu.Counters.VectorLengthChanges,
            TlbMisses = (ulong)vcpu.EngineCounters.TlbMisses,
            BlocksDecoded = (ulong)vcpu.EngineCounters.BlocksDecoded,
        };
    }

    private static VcpuRegisters ReadRegisters(KvmVcpu vcpu)
    {
        var cpu = vcpu.Context;
        var maxVq = vcpu.VectorLengths.Max;
        var zBytes = Math.Max(maxVq, 1) * 16;
        var x = new string[31];
        for (var n = 0; n < x.Length; n++)
            x[n] = Hex(cpu->X[n]);
        var z = new string[32];
        for (var n = 0; n < z.Length; n++)
            z[n] = Convert.ToHexStringLower(new ReadOnlySpan<byte>(&cpu->Z[n * CpuState.ZStride], zBytes));
        var p = new string[maxVq == 0 ? 0 : 16];
        for (var n = 0; n < p.Length; n++)
            p[n] = Predicate(cpu, n, maxVq);
        return new VcpuRegisters
        {
            Index = vcpu.Index,
            Online = !vcpu.PoweredOff,
            X = x,
            Pc = Hex(cpu->Pc),
            SpEl0 = Hex(cpu->Sp[0]),
            SpEl1 = Hex(cpu->Sp[1]),
            Pstate = Hex(PState.Read(cpu)),
            Fpcr = Hex(cpu->Fpcr),
            Fpsr = Hex(cpu->Fpsr),
            MaxVectorLengthBits = maxVq * 128,
            VectorLengthBits = vcpu.VectorLengths.LargestAtMost((int)(cpu->ZcrEl1 & 0xf) + 1) * 128,
            Z = z,
            P = p,
            Ffr = maxVq == 0 ? null : Predicate(cpu, CpuState.Ffr, maxVq),
            System = ReadSystemRegisters(vcpu),
        };
    }

    private static string Predicate(CpuState* cpu, int n, int vq) =>
        Convert.ToHexStringLower(new ReadOnlySpan<byte>(&cpu->P[n * CpuState.PStride], vq * 2));

    /// <summary>Every named register that the vCPU has, besides the debug comparators and the empty ID space.</summary>
    private static Dictionary<string, string> ReadSystemRegisters(KvmVcpu vcpu)
    {
        var registers = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ELR_EL1"] = Hex(vcpu.Context->ElrEl1),
            ["SPSR_EL1"] = Hex(vcpu.Context->SpsrEl1),
        };
        foreach (var row in SystemRegisterTable.Rows)
        {
            if (row.IsVisibleTo(vcpu) && Enum.IsDefined(row.Register))
                registers[row.Name] = Hex(SystemRegisterTable.Read(vcpu, vcpu.Context, row));
        }

        return registers;
    }
}
