using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Traps of FP, SIMD and SVE access, and leaving Run.</summary>
public sealed unsafe partial class Interpreter
{
    // ISS of an FP or SVE access trap from AArch64: CV set, COND 0b1110.
    private const uint TrappedFpIss = 0x01e0_0000;
    private const int CpacrFpenShift = 20;
    private const int CpacrZenShift = 16;

    /// <summary>Whether FP access at the current EL traps nowhere; see <see cref="RefreshTraps"/>.</summary>
    private bool _fpEnabled;

    /// <summary>Whether SVE access at the current EL traps nowhere; see <see cref="RefreshTraps"/>.</summary>
    private bool _sveEnabled;

    /// <summary>Bytes of a Z register that a write to its V register sets: the vector length, beyond which all is zero.</summary>
    private int _writtenBytes = 16;

    /// <summary>Fills <c>Cpu->Exit</c> and returns <see cref="StepResult.Exit"/>.</summary>
    /// <param name="syndrome">What ESR_EL2 would hold.</param>
    public StepResult LeaveRun(ExitReason reason, uint syndrome)
    {
        Cpu->Exit = new ExitInfo { Reason = reason, Esr = syndrome };
        return StepResult.Exit;
    }

    private void RefreshTraps()
    {
        _fpEnabled = !TrapsInCpacr(CpacrFpenShift) && Cpu->TrapFp == 0;
        _sveEnabled = _fpEnabled && !TrapsInCpacr(CpacrZenShift) && Cpu->TrapSve == 0;
        SetVectorLength((int)Cpu->EffectiveVq() * 16);
        _writtenBytes = Math.Max(VL, 16);
    }

    /// <summary>Traps of ZCR_EL1 itself: CPACR_EL1.ZEN, then CPTR_EL2.TZ.</summary>
    private bool CheckZcr(out StepResult result)
    {
        result = StepResult.Next;
        if (!TrapsInCpacr(CpacrZenShift) && Cpu->TrapSve == 0)
            return true;
        result = TrapsInCpacr(CpacrZenShift)
            ? TakeException(ExceptionClass.TrappedSve, 0, null, Cpu->Pc)
            : LeaveRun(ExitReason.SveTrap, ExceptionClass.Syndrome(ExceptionClass.TrappedSve, 0));
        return false;
    }

    private bool TrapsInCpacr(int shift)
    {
        var enable = Cpu->CpacrEl1 >> shift & 3;
        return enable is 0 or 2 || (enable == 1 && Cpu->El == 0);
    }

    private bool CheckFpSlow(out StepResult result)
    {
        if (TrapsInCpacr(CpacrFpenShift))
            result = TakeException(ExceptionClass.TrappedFp, TrappedFpIss, null, Cpu->Pc);
        else
            result = LeaveRun(ExitReason.FpTrap, ExceptionClass.Syndrome(ExceptionClass.TrappedFp, TrappedFpIss));
        return false;
    }

    private bool CheckSveSlow(out StepResult result)
    {
        if (TrapsInCpacr(CpacrZenShift))
            result = TakeException(ExceptionClass.TrappedSve, 0, null, Cpu->Pc);
        else if (TrapsInCpacr(CpacrFpenShift))
            result = TakeException(ExceptionClass.TrappedFp, TrappedFpIss, null, Cpu->Pc);
        else if (Cpu->TrapSve != 0)
            result = LeaveRun(ExitReason.SveTrap, ExceptionClass.Syndrome(ExceptionClass.TrappedSve, 0));
        else
            result = LeaveRun(ExitReason.FpTrap, ExceptionClass.Syndrome(ExceptionClass.TrappedFp, TrappedFpIss));
        return false;
    }
}
