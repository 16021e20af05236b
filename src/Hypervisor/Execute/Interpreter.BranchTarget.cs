using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Branch targets (FEAT_BTI). PSTATE.BTYPE is held only from an indirect branch to the instruction that it goes to, and not even so
/// long when the dispatch loop already knows the block there and that it accepts the branch: nothing else ever looks at it.
/// </summary>
public sealed unsafe partial class Interpreter
{
    private readonly bool _hasBranchTargets;

    /// <summary>SCTLR_EL1.BT0; BT1 is the next.</summary>
    private const int SctlrBt0Shift = 35;

    /// <summary>
    /// Arrives at the instruction <paramref name="word"/>, at PC, with a PSTATE.BTYPE that is not 0. False when a guarded page does not
    /// accept it and the Branch Target exception was taken. Else BTYPE is 0 again, unless the instruction shows it.
    /// </summary>
    private bool TryLand(uint word, bool guarded)
    {
        var cpu = Cpu;
        var strict = (cpu->SctlrEl1 >> (SctlrBt0Shift + cpu->El) & 1) != 0;
        if (guarded && !BranchTargets.IsCompatible(word, cpu->Btype, strict))
        {
            FaultResult = TakeException(ExceptionClass.BranchTarget, cpu->Btype, null, cpu->Pc);
            return false;
        }

        if (!BranchTargets.ShowsBtype(word))
            cpu->Btype = BranchTargets.None;
        return true;
    }

    private void SetBtype(byte btype)
    {
        if (_hasBranchTargets)
            Cpu->Btype = btype;
    }

    /// <summary>After BR, BRAA … by X[<paramref name="n"/>] at PC.</summary>
    private void SetBtypeOfJump(uint n)
    {
        if (_hasBranchTargets)
            Cpu->Btype = BranchTargets.OfJump(n, IsInGuardedPage(Cpu->Pc));
    }

    private bool IsInGuardedPage(ulong pc)
    {
        var entry = Tlb.Entry(_data, pc);
        return entry->CanFetch(pc & Tlb.PageMask)
            ? (entry->FetchTag & TlbEntry.Guarded) != 0
            : Stage1Walker.TryTranslate(Cpu, _memory, pc, _mmuIndex, AccessKind.Fetch, out var translation, out _) && translation.IsGuarded;
    }
}
