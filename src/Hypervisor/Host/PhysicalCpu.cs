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
    private int _fpRequest;

    internal PhysicalCpu(int index, HostCpuProfile profile)
    {
        Fp = new FpRegisters(this);
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

    /// <summary>Who owns the FP and SVE registers in <see cref="State"/>.</summary>
    public FpRegisters Fp { get; }

    /// <summary>The lengths that <see cref="ProbeVectorLengths"/> found when the CPU came up.</summary>
    public VqSet ProbedLengths { get; private set; }

    /// <summary>
    /// Finds the implemented lengths as the kernel does (vec_probe_vqs): from the largest VQ of its interface down it writes ZCR_ELx.LEN,
    /// reads the length back, notes it, and goes on below it. It ends where the CPU gives more than was asked for.
    /// </summary>
    public VqSet ProbeVectorLengths()
    {
        const int LargestVqOfLinux = 512;
        var before = (State->MaxVq, State->ZcrEl1);
        State->MaxVq = VqSet.MaxVq;
        uint found = 0;
        for (var vq = LargestVqOfLinux; vq >= 1; vq--)
        {
            State->ZcrEl1 = (ulong)vq - 1; // LEN has four bits; what lies above them is ignored
            var selected = (int)State->EffectiveVq();
            if (selected == 0 || selected > vq)
                break;
            vq = selected;
            found |= 1u << (vq - 1);
        }

        (State->MaxVq, State->ZcrEl1) = before;
        return ProbedLengths = new VqSet(found);
    }

    /// <summary>ZCR_EL2.LEN + 1 as the last guest had it; 0 before the first.</summary>
    internal int GuestVq { get; set; }

    /// <summary>
    /// Asks for a use of the FP registers by the host itself (kernel_neon_begin to _end): before the next entry of a guest on this CPU
    /// whoever owns them is saved, and they are overwritten.
    /// </summary>
    /// <remarks>Thread: any.</remarks>
    public void RequestFp() => Volatile.Write(ref _fpRequest, 1);

    /// <summary>Whether the host wants the FP registers; the request is then met.</summary>
    internal bool TakeFpRequest() => Volatile.Read(ref _fpRequest) != 0 && Interlocked.Exchange(ref _fpRequest, 0) != 0;

    /// <summary>What the host leaves in registers that are nobody's: a pattern, so that a guest that sees it is wrong.</summary>
    internal void ScribbleFp()
    {
        const byte Pattern = 0xa5;
        new Span<byte>(State->Z, 32 * CpuState.ZStride).Fill(Pattern);
        new Span<byte>(State->P, 17 * CpuState.PStride).Fill(Pattern);
        State->Fpcr = State->Fpsr = 0;
    }

    internal void Free() => CpuState.Free(State);
}
