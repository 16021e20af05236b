using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Host;

/// <summary>
/// One CPU of the emulated host: the live register file, and who owns its FP and SVE registers.
/// </summary>
/// <remarks>
/// Invariant: <see cref="State"/> stays allocated while the host lives. Thread: whoever acquired the CPU from
/// <see cref="EmulatedHost"/>.
/// </remarks>
public sealed unsafe class PhysicalCpu
{
    internal PhysicalCpu(int index, HostCpuProfile profile)
    {
        Index = index;
        Profile = profile;
        State = CpuState.Allocate();
        State->VqSet = profile.VectorLengths.Bits;
        State->VpidrEl2 = profile.Midr;
    }

    public int Index { get; }

    public HostCpuProfile Profile { get; }

    /// <summary>The register file.</summary>
    public CpuState* State { get; }

    /// <summary>The vCPU whose FP and SVE registers are live in <see cref="State"/>; null means nobody's.</summary>
    public object? FpOwner { get; set; }

    /// <summary>
    /// Asks for a vector length as the kernel's probe does (write ZCR_ELx.LEN, read the length back).
    /// </summary>
    /// <param name="vq">Wanted length in quadwords; LEN has four bits, so more than 16 asks for 16.</param>
    /// <returns>Length in quadwords that the CPU selects: the largest implemented one not above the wish, 0 without SVE.</returns>
    public int SelectVectorLength(int vq)
    {
        var before = (State->MaxVq, State->ZcrEl1);
        State->MaxVq = VqSet.MaxVq;
        State->ZcrEl1 = (ulong)Math.Min(vq, VqSet.MaxVq) - 1;
        var selected = (int)State->EffectiveVq();
        (State->MaxVq, State->ZcrEl1) = before;
        return selected;
    }

    /// <summary>Probes the implemented lengths from the largest request down, skipping what the CPU skips.</summary>
    public VqSet ProbeVectorLengths()
    {
        uint found = 0;
        for (var vq = VqSet.MaxVq; vq >= 1; vq--)
        {
            vq = SelectVectorLength(vq);
            if (vq == 0)
                break;
            found |= 1u << (vq - 1);
        }

        return new VqSet(found);
    }

    internal void Free() => CpuState.Free(State);
}
