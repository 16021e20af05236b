using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Running totals of one vCPU, since its creation.</summary>
/// <remarks>Written by the vCPU's thread; readers elsewhere see slightly old values.</remarks>
public sealed class KvmVcpuCounters
{
    private readonly ulong[] _exits = new ulong[Enum.GetValues<ExitReason>().Length];

    /// <summary>FP and SIMD traps (EC 0x07).</summary>
    public ulong FpTraps { get; internal set; }

    /// <summary>SVE traps (EC 0x19).</summary>
    public ulong SveTraps { get; internal set; }

    /// <summary>Loads of the vCPU's FP state into a physical CPU.</summary>
    public ulong FpLoads { get; internal set; }

    /// <summary>Saves of the vCPU's FP state out of a physical CPU.</summary>
    public ulong FpSaves { get; internal set; }

    /// <summary>Changes of the longest vector length that the guest's FP state is kept at on a CPU: once per load at another length.</summary>
    public ulong VectorLengthChanges { get; internal set; }

    /// <summary>
    /// Accesses to system registers that no table knows, the only ones that a kernel logs as unsupported. Registers that are hidden from a vCPU
    /// do not count: they are UNDEF by intent.
    /// </summary>
    public ulong UnknownSystemRegisters { get; internal set; }

    public ulong MmioAccesses { get; internal set; }

    /// <summary>Times that the engine left the guest for the given reason.</summary>
    public ulong Exits(ExitReason reason) => _exits[(int)reason];

    internal void CountExit(ExitReason reason) => _exits[(int)reason]++;
}
