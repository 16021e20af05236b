using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;
using static CloudVm.Hypervisor.Execute.Operands;
using F = CloudVm.Hypervisor.Isa.Fields;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Branches, exception generation and return, hints and barriers.</summary>
public sealed unsafe partial class Interpreter
{
    private const ulong SctlrNtwi = 1UL << 16;
    private const ulong SctlrNtwe = 1UL << 18;

    // ISS of a trapped WFI: CV set, COND 0b1110; bit 0 tells WFE.
    private const uint TrappedWfiIss = 0x01e0_0000;

    internal static StepResult B_only_branch_imm(Interpreter c, uint word)
    {
        c.Cpu->Pc += Imm26Offset(word);
        return StepResult.Branch;
    }

    internal static StepResult BL_only_branch_imm(Interpreter c, uint word)
    {
        c.X(30, c.Cpu->Pc + 4);
        c.Cpu->Pc += Imm26Offset(word);
        return StepResult.Branch;
    }

    internal static StepResult B_only_condbranch(Interpreter c, uint word) =>
        c.BranchIf(c.ConditionHolds(F.B_only_condbranch.cond(word)), Imm19Offset(word));

    internal static StepResult CompareAndBranchZero<T>(Interpreter c, uint word) =>
        c.BranchIf(Width.Truncate<T>(c.X(Rt(word))) == 0, Imm19Offset(word));

    internal static StepResult CompareAndBranchNonzero<T>(Interpreter c, uint word) =>
        c.BranchIf(Width.Truncate<T>(c.X(Rt(word))) != 0, Imm19Offset(word));

    internal static StepResult TBZ_only_testbranch(Interpreter c, uint word) =>
        c.BranchIf((c.X(Rt(word)) >> (int)F.TBZ_only_testbranch.bit(word) & 1) == 0, Imm14Offset(word));

    internal static StepResult TBNZ_only_testbranch(Interpreter c, uint word) =>
        c.BranchIf((c.X(Rt(word)) >> (int)F.TBNZ_only_testbranch.bit(word) & 1) != 0, Imm14Offset(word));

    internal static StepResult BR_64_branch_reg(Interpreter c, uint word)
    {
        c.SetBtypeOfJump(Rn(word));
        c.Cpu->Pc = c.BranchAddress(c.X(Rn(word)));
        return StepResult.Branch;
    }

    internal static StepResult BLR_64_branch_reg(Interpreter c, uint word)
    {
        var target = c.BranchAddress(c.X(Rn(word)));
        c.SetBtype(BranchTargets.Call);
        c.X(30, c.Cpu->Pc + 4);
        c.Cpu->Pc = target;
        return StepResult.Branch;
    }

    internal static StepResult RET_64R_branch_reg(Interpreter c, uint word)
    {
        c.Cpu->Pc = c.BranchAddress(c.X(Rn(word)));
        return StepResult.Branch;
    }

    /// <summary>Pseudocode AArch64.ExceptionReturn. An illegal return sets PSTATE.IL, which faults at the next instruction.</summary>
    internal static StepResult ERET_64E_branch_reg(Interpreter c, uint word)
    {
        return c.Cpu->El == 0 ? c.Undefined(word) : c.ReturnFromException(c.Cpu->ElrEl1);
    }

    private StepResult ReturnFromException(ulong target)
    {
        var cpu = Cpu;
        PState.Return(cpu, cpu->SpsrEl1);
        cpu->Pc = BranchAddress(target);
        cpu->ExclusiveActive = 0;
        SetEvent();
        _modeStale = true;
        return StepResult.Branch;
    }

    internal static StepResult SVC_EX_exception(Interpreter c, uint word)
    {
        // The call is a completed instruction: pseudocode SSAdvance.
        c.Cpu->Ss = 0;
        return c.TakeException(ExceptionClass.Svc64, F.SVC_EX_exception.imm16(word), null, c.Cpu->Pc + 4);
    }

    internal static StepResult HVC_EX_exception(Interpreter c, uint word)
    {
        if (c.Cpu->El == 0)
            return c.Undefined(word);
        c.LeaveRun(ExitReason.Hvc, ExceptionClass.Syndrome(ExceptionClass.Hvc64, F.HVC_EX_exception.imm16(word)));
        return StepResult.ExitNext;
    }

    internal static StepResult SMC_EX_exception(Interpreter c, uint word) => c.Cpu->El == 0
        ? c.Undefined(word)
        : c.LeaveRun(ExitReason.Smc, ExceptionClass.Syndrome(ExceptionClass.Smc64, F.SMC_EX_exception.imm16(word)));

    internal static StepResult BRK_EX_exception(Interpreter c, uint word) =>
        c.TakeException(ExceptionClass.Brk64, F.BRK_EX_exception.imm16(word), null, c.Cpu->Pc);

    /// <summary>HLT is UNDEFINED where halting debug is not allowed, which is always.</summary>
    internal static StepResult HLT_EX_exception(Interpreter c, uint word) => c.Undefined(word);

    internal static StepResult NOP_HI_hints(Interpreter c, uint word) => StepResult.Next;

    internal static StepResult WFI_HI_hints(Interpreter c, uint word)
    {
        var cpu = c.Cpu;

        // A pending interrupt wakes WFI even when PSTATE masks it, and nothing traps that would not have waited.
        if ((cpu->VirtualIrq | cpu->VirtualFiq | cpu->VirtualSError) != 0)
            return StepResult.EndBlock;
        if (cpu->El == 0 && (cpu->SctlrEl1 & SctlrNtwi) == 0)
            return c.TakeException(ExceptionClass.TrappedWfx, TrappedWfiIss, null, cpu->Pc);
        c.LeaveRun(ExitReason.Wfi, ExceptionClass.Syndrome(ExceptionClass.TrappedWfx, TrappedWfiIss));
        return StepResult.ExitNext;
    }

    internal static StepResult WFE_HI_hints(Interpreter c, uint word)
    {
        var cpu = c.Cpu;
        if (Interlocked.Exchange(ref c._eventRegister, 0) != 0)
            return StepResult.Next;
        if (cpu->El == 0 && (cpu->SctlrEl1 & SctlrNtwe) == 0)
            return c.TakeException(ExceptionClass.TrappedWfx, TrappedWfiIss | 1, null, cpu->Pc);
        if ((cpu->VirtualIrq | cpu->VirtualFiq | cpu->VirtualSError) != 0)
            return StepResult.EndBlock;
        c.LeaveRun(ExitReason.Wfe, ExceptionClass.Syndrome(ExceptionClass.TrappedWfx, TrappedWfiIss | 1));
        return StepResult.ExitNext;
    }

    internal static StepResult SEV_HI_hints(Interpreter c, uint word)
    {
        c._domain.SignalEvent();
        return StepResult.Next;
    }

    internal static StepResult SEVL_HI_hints(Interpreter c, uint word)
    {
        c.SetEvent();
        return StepResult.Next;
    }

    internal static StepResult CLREX_BN_barriers(Interpreter c, uint word)
    {
        c.Cpu->ExclusiveActive = 0;
        return StepResult.Next;
    }

    internal static StepResult DMB_BO_barriers(Interpreter c, uint word)
    {
        Interlocked.MemoryBarrier();
        return StepResult.Next;
    }

    /// <summary>DSB also waits until other vCPUs have done the maintenance that this one broadcast.</summary>
    internal static StepResult DSB_BO_barriers(Interpreter c, uint word)
    {
        Interlocked.MemoryBarrier();
        c.CompleteBroadcasts();
        return StepResult.Next;
    }

    internal static StepResult ISB_BI_barriers(Interpreter c, uint word) => StepResult.EndBlock;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Imm26Offset(uint word) => (ulong)((long)F.B_only_branch_imm.imm26(word) * 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Imm14Offset(uint word) => (ulong)((long)F.TBZ_only_testbranch.imm14(word) * 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private StepResult BranchIf(bool taken, ulong offset)
    {
        Cpu->Pc += taken ? offset : 4;
        return StepResult.Branch;
    }

    /// <summary>Pseudocode AArch64.BranchAddr: with top-byte-ignore the PC holds the canonical address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong BranchAddress(ulong target) => (ulong)(((long)target >> 55) + 1) <= 1 ? target : BranchAddressTagged(target);

    private ulong BranchAddressTagged(ulong target)
    {
        return Stage1Walker.IgnoresTopByte(Cpu->TcrEl1, (target >> 55 & 1) != 0, isFetch: true) ? (ulong)((long)(target << 8) >> 8) : target;
    }
}
