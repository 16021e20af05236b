using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Debug exceptions for the guest's own use: software step, breakpoints, watchpoints. While a step or a breakpoint can occur, Run
/// executes single instructions; pages with a watchpoint are kept out of the TLB's fast path. Without them this costs nothing.
/// </summary>
public sealed unsafe partial class Interpreter
{
    private const uint StepStepped = 1u << 24;
    private const uint StepExclusive = 1u << 6;

    private readonly ulong[] _watched = new ulong[2 * SelfHostedDebug.WatchpointCount];

    /// <summary>Run has to go instruction by instruction.</summary>
    private bool _debugging;

    private bool _stepEnabled;
    private bool _breakpointsEnabled;
    private bool _watchpointsArmed;

    /// <summary>What a software step exception says about the instruction before it: ISS.ISV and EX.</summary>
    private uint _stepIss;

    /// <summary>Part of <see cref="RefreshMode"/>, for whenever debugging is or was switched on.</summary>
    private void RefreshDebug()
    {
        var cpu = Cpu;
        var enabled = SelfHostedDebug.AreExceptionsEnabled(cpu, cpu->El, (cpu->Daif & PState.D) != 0);
        _stepEnabled = enabled && (cpu->MdscrEl1 & SelfHostedDebug.MdscrSoftwareStep) != 0;
        _breakpointsEnabled = enabled && SelfHostedDebug.HasBreakpoints(cpu);
        _debugging = _stepEnabled || _breakpointsEnabled;
        RefreshWatchpoints();
    }

    private void RefreshWatchpoints()
    {
        var armed = SelfHostedDebug.HasWatchpoints(Cpu);
        var changed = armed != _watchpointsArmed;
        for (var n = 0; armed && n < SelfHostedDebug.WatchpointCount; n++)
        {
            changed |= _watched[2 * n] != Cpu->DbgWvr[n] || _watched[(2 * n) + 1] != Cpu->DbgWcr[n];
            _watched[2 * n] = Cpu->DbgWvr[n];
            _watched[(2 * n) + 1] = Cpu->DbgWcr[n];
        }

        _watchpointsArmed = armed;
        if (changed)
            FlushTranslations();
    }

    /// <summary>
    /// Executes one instruction while debugging is on, or takes the debug exception that comes before it. True to leave Run with
    /// <paramref name="exit"/>.
    /// </summary>
    private bool StepDebugged(ref long budget, out ExitReason exit)
    {
        var cpu = Cpu;
        exit = default;
        budget--;
        _modeStale = true;
        if (_stepEnabled && cpu->Ss == 0)
        {
            TakeDebugException(ExceptionClass.SoftwareStepLower, _stepIss | FaultStatus.Debug);
            return false;
        }

        if (!TryFetch(cpu->Pc, out var code, out var guarded))
        {
            exit = cpu->Exit.Reason;
            return FaultResult == StepResult.Exit;
        }

        if (_breakpointsEnabled && SelfHostedDebug.MatchesBreakpoint(cpu, cpu->Pc))
        {
            TakeDebugException(ExceptionClass.BreakpointLower, FaultStatus.Debug);
            return false;
        }

        var word = Volatile.Read(ref *(uint*)code);
        if (cpu->Btype != 0 && !TryLand(word, guarded))
            return false;
        var exceptions = Counters.ExceptionsTaken;
        var stepping = _stepEnabled;
        var result = HandlerTable.Entries[(int)DecodeGated(word)](this, word);
        Counters.RetiredInstructions++;
        _stepIss = 0;
        if (stepping && Counters.ExceptionsTaken == exceptions && result != StepResult.Exit)
        {
            cpu->Ss = word == EretWord ? cpu->Ss : (byte)0;
            _stepIss = word == EretWord ? 0 : StepStepped | (IsLoadExclusive(word) ? StepExclusive : 0);
        }

        if (result == StepResult.Next)
            cpu->Pc += 4;
        else if (result > StepResult.Branch && FinishStep(result))
        {
            exit = cpu->Exit.Reason;
            return true;
        }

        _modeStale = true;
        return false;
    }

    private void TakeDebugException(uint lowerClass, uint iss)
    {
        _stepIss = 0;
        TakeException(Cpu->El == 0 ? lowerClass : lowerClass + 1, iss, null, Cpu->Pc);
    }

    /// <summary>Whether a watchpoint stops an access that translation allows; <paramref name="fault"/> then describes it.</summary>
    private bool HitsWatchpoint(ulong va, int length, AccessKind kind, MmuIndex index, ref MmuFault fault)
    {
        var el = index == MmuIndex.El0 ? 0 : 1;
        if (!SelfHostedDebug.AreExceptionsEnabled(Cpu, Cpu->El, (Cpu->Daif & PState.D) != 0)
            || !SelfHostedDebug.MatchesWatchpoint(Cpu, va, length, kind == AccessKind.Write, el, out var address))
        {
            return false;
        }

        fault.Address = address;
        fault.Status = FaultStatus.Debug;
        return true;
    }

    private const uint EretWord = 0xd69f03e0;

    // LDXR, LDAXR, LDXP, LDAXP: 0x001000 o2=0 L=1.
    private static bool IsLoadExclusive(uint word) => (word & 0x3fc0_0000) is 0x0840_0000;
}
