namespace CloudVm.Contracts.Vms;

/// <summary>The registers of one vCPU. 64-bit values are <c>0x</c> hex strings, since JSON numbers lose bits above 2^53.</summary>
public sealed record VcpuRegisters
{
    public required int Index { get; init; }

    /// <summary>X0 to X30.</summary>
    public required IReadOnlyList<string> X { get; init; }

    public required string Sp { get; init; }

    public required string Pc { get; init; }

    public required string Pstate { get; init; }

    public required string Fpcr { get; init; }

    public required string Fpsr { get; init; }

    /// <summary>The vCPU's maximum vector length, the width of <see cref="Z"/>; 128 without SVE, where Z holds the V registers.</summary>
    public required int VectorLengthBits { get; init; }

    /// <summary>The vector length the guest has selected now; 0 without SVE.</summary>
    public int EffectiveVectorLengthBits { get; init; }

    /// <summary>Z0 to Z31 as hex of their little-endian bytes, lowest byte first.</summary>
    public required IReadOnlyList<string> Z { get; init; }

    /// <summary>P0 to P15, as <see cref="Z"/>; empty without SVE.</summary>
    public required IReadOnlyList<string> P { get; init; }

    /// <summary>The first-fault register, as <see cref="P"/>; absent without SVE.</summary>
    public string? Ffr { get; init; }

    /// <summary>System registers by Arm's name.</summary>
    public IReadOnlyDictionary<string, string> System { get; init; } = new Dictionary<string, string>();
}

/// <summary>What the Hypervisor counts of a VM.</summary>
public sealed record VmCounters
{
    public required DateTimeOffset At { get; init; }

    /// <summary>Counters of the whole machine.</summary>
    public required IReadOnlyDictionary<string, long> Machine { get; init; }

    /// <summary>Counters of each vCPU: instructions, exits, FP/SVE traps, loads and saves, vector-length changes …</summary>
    public required IReadOnlyList<VcpuCounters> Vcpus { get; init; }
}

/// <summary>Counters of one vCPU, by name.</summary>
public sealed record VcpuCounters(int Index, IReadOnlyDictionary<string, long> Values);
