using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Tier 0: executes A64 by one static method per encoding, bound by the decode tables. It is the specification of the machine;
/// every other tier must do the same. One per vCPU; owns its TLB and decoded code.
/// </summary>
/// <remarks>
/// Thread: the vCPU's, unless a member says otherwise. Semantics methods have the signature
/// <c>static StepResult NAME(Interpreter c, uint word)</c>; they allocate nothing and throw nothing. An access that fails has
/// already taken the exception or filled the exit: the method returns <see cref="FaultResult"/> with no register written.
/// </remarks>
public sealed unsafe partial class Interpreter : IVcpuEngine, IDisposable
{
    private readonly EngineDomain _domain;
    private readonly GuestMemory _memory;
    private readonly Tlb _tlb = new();

    /// <summary>TLB table of the current privilege; set by <see cref="RefreshMode"/>.</summary>
    private TlbEntry* _data;

    /// <summary>EL0's TLB table, for EL1's unprivileged loads and stores; set by <see cref="RefreshMode"/>.</summary>
    private TlbEntry* _user;

    private MmuIndex _mmuIndex;

    internal Interpreter(EngineDomain domain, int index)
    {
        _domain = domain;
        _memory = domain.Memory;
        Index = index;
        _acknowledgedEpoch = domain.Log.Last;
        _hasBranchTargets = domain.Features.Has(Feature.BTI);
    }

    /// <summary>The borrowed physical CPU's state during Run.</summary>
    public CpuState* Cpu;

    /// <summary>What a semantics method returns after a failed access.</summary>
    public StepResult FaultResult;

    /// <summary>Effective vector length in bytes, 0 without SVE; follows ZCR_EL1 and the limit that EL2 set.</summary>
    public int VL;

    /// <summary>Number of this vCPU in its <see cref="EngineDomain"/>.</summary>
    public int Index { get; }

    public EngineCounters Counters { get; } = new();

    public CpuFeatures Features => _domain.Features;

    public void Dispose()
    {
        _tlb.Dispose();
        _blocks.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>X[n]; 31 reads as zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong X(uint n) => Cpu->X[n];

    /// <summary>W[n]; 31 reads as zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint W(uint n) => (uint)Cpu->X[n];

    /// <summary>Writes X[n]; 31 is ignored. A W register is written by passing the zero-extended value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void X(uint n, ulong value)
    {
        // Writing XZR and clearing it again is cheaper than a branch on n.
        var x = Cpu->X;
        x[n] = value;
        x[31] = 0;
    }

    /// <summary>X[n], where 31 is the current stack pointer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong XSp(uint n) => n == 31 ? Cpu->Sp[SpIndex] : Cpu->X[n];

    /// <summary>Writes X[n], where 31 is the current stack pointer.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void XSp(uint n, ulong value)
    {
        if (n == 31)
            Cpu->Sp[SpIndex] = value;
        else
            Cpu->X[n] = value;
    }

    /// <summary>Which of SP_EL0 and SP_EL1 is SP.</summary>
    private int SpIndex => Cpu->El == 0 ? 0 : Cpu->SpSel;

    /// <summary>Pseudocode ConditionHolds for PSTATE.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool ConditionHolds(uint condition) => Flags.ConditionHolds(condition, Cpu->Nzcv);

    /// <summary>The row of an unallocated encoding.</summary>
    internal static StepResult UNALLOCATED(Interpreter c, uint word) => c.Undefined(word);

    /// <summary>An UNDEFINED instruction: counted, and taken as an exception to EL1 with EC 0.</summary>
    public StepResult Undefined(uint word)
    {
        Counters.Undefined.Count(word);
        return TakeException(ExceptionClass.Unknown, 0, null, Cpu->Pc);
    }

    /// <summary>Takes a synchronous exception to EL1 with ESR.IL set; a null <paramref name="far"/> leaves FAR_EL1 alone.</summary>
    /// <param name="preferredReturn">ELR_EL1: this instruction for faults and traps, the next one for SVC.</param>
    public StepResult TakeException(uint exceptionClass, uint iss, ulong? far, ulong preferredReturn)
    {
        Counters.ExceptionsTaken++;
        _unresolved = null;
        ExceptionEntry.TakeToEl1(Cpu, exceptionClass, iss, 1, far, preferredReturn);
        _modeStale = true;
        return StepResult.Branch;
    }

    /// <summary>
    /// Pseudocode CheckFPAdvSIMDEnabled64. False when access traps, with <paramref name="result"/> to return: CPACR_EL1.FPEN traps to
    /// EL1 with EC 0x07, then CPTR_EL2.TFP leaves Run.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool CheckFp(out StepResult result)
    {
        result = StepResult.Next;
        return _fpEnabled || CheckFpSlow(out result);
    }

    /// <summary>
    /// Pseudocode CheckSVEEnabled. False when access traps, with <paramref name="result"/> to return: CPACR_EL1.ZEN (EC 0x19) beats
    /// FPEN (EC 0x07), and both beat CPTR_EL2.TZ and TFP, which leave Run.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool CheckSve(out StepResult result)
    {
        result = StepResult.Next;
        return _sveEnabled || CheckSveSlow(out result);
    }
}
