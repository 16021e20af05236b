using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>The dispatch loop.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>What another thread wants looked at before the next block; see <see cref="HandleAttention"/>.</summary>
    private int _attention;

    private int _exitRequested;

    /// <summary>Most instructions between two updates of <see cref="EngineCounters.RetiredInstructions"/>.</summary>
    private const long CounterInterval = 10_000;

    /// <summary>The mode's bits in block keys; follows <see cref="RefreshMode"/>.</summary>
    private ulong _modeBits;

    /// <summary>Set where state that <see cref="RefreshMode"/> caches has changed.</summary>
    private bool _modeStale;

    public ExitReason Run(CpuState* cpu, long budget)
    {
        Enter(cpu);
        var reason = RunBlocks(budget);
        Leave();
        return reason;
    }

    public ExitReason Step(CpuState* cpu)
    {
        Enter(cpu);
        var reason = StepOne();
        Leave();
        return reason;
    }

    public void RequestExit()
    {
        Volatile.Write(ref _exitRequested, 1);
        RequestAttention();
    }

    public void NotifyInterruptLines() => RequestAttention();

    internal void RequestAttention() => Volatile.Write(ref _attention, 1);

    private void Enter(CpuState* cpu)
    {
        Cpu = cpu;
        _modeStale = true;
        EnterDomain();
        CheckTranslationInputs();
    }

    private void Leave()
    {
        RememberTranslationInputs();
        LeaveDomain();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private ExitReason RunBlocks(long budget)
    {
        var cpu = Cpu;
        _unresolved = null;
        while (true)
        {
            if (Volatile.Read(ref _attention) != 0 && HandleAttention())
                return ExitReason.Interrupted;
            if ((cpu->VirtualIrq | cpu->VirtualFiq | cpu->VirtualSError) != 0)
                TakePendingInterrupt();
            if (budget <= 0)
                return ExitReason.Budget;
            if (_modeStale && !RefreshMode())
            {
                if (_debugging && StopsAtBreakpoint())
                    return ExitReason.Debug;
                if (_debugging && StepDebugged(ref budget, out var debugExit))
                    return debugExit;
                continue;
            }

            var block = FindBlock();
            if (block == null)
            {
                if (FaultResult == StepResult.Exit)
                    return cpu->Exit.Reason;
                budget--;
                continue;
            }

            _slice = Math.Min(budget, CounterInterval);
            budget -= _slice;
            Counters.RetiredInstructions += _slice;
            var result = ExecuteBlocks(block);
            budget += _slice;
            Counters.RetiredInstructions -= _slice;
            if (result > StepResult.Branch && FinishStep(result))
                return cpu->Exit.Reason;
        }
    }

    private ExitReason StepOne()
    {
        if (Volatile.Read(ref _attention) != 0 && HandleAttention())
            return ExitReason.Interrupted;
        if (TakePendingInterrupt())
            return ExitReason.Budget;
        if (!RefreshMode())
        {
            long budget = 1;
            return _debugging && StepDebugged(ref budget, out var debugExit) ? debugExit : ExitReason.Budget;
        }

        if (!TryFetch(Cpu->Pc, out var code, out var guarded))
            return FaultResult == StepResult.Exit ? Cpu->Exit.Reason : ExitReason.Budget;
        var word = Volatile.Read(ref *(uint*)code);
        if (Cpu->Btype != 0 && !TryLand(word, guarded))
            return ExitReason.Budget;
        var result = HandlerTable.Entries[(int)DecodeGated(word)](this, word);
        Counters.RetiredInstructions++;
        if (result == StepResult.Next)
            Cpu->Pc += 4;
        else if (result > StepResult.Branch && FinishStep(result))
            return Cpu->Exit.Reason;
        return ExitReason.Budget;
    }

    /// <summary>Deals with the results that end a block other than by a branch. True to leave Run.</summary>
    private bool FinishStep(StepResult result)
    {
        if (result != StepResult.Exit)
            Cpu->Pc += 4;
        _modeStale = true;
        return result != StepResult.EndBlock;
    }

    /// <summary>
    /// Brings what depends on privilege and trap controls up to date. False when PSTATE.IL made the next instruction an Illegal
    /// Execution state exception, which is then taken, or when <see cref="StepDebugged"/> has to execute it.
    /// </summary>
    private bool RefreshMode()
    {
        _modeStale = false;
        if (Cpu->Il != 0)
        {
            _debugging = false;
            TakeException(ExceptionClass.IllegalState, 0, null, Cpu->Pc);
            return false;
        }

        _modeBits = ExecutionMode.Of(Cpu).Bits;
        _mmuIndex = Cpu->El == 0 ? MmuIndex.El0 : Cpu->Pan != 0 ? MmuIndex.El1Pan : MmuIndex.El1;
        if (_contextStale)
            SelectContext();
        _data = _tlb.Table(_mmuIndex);
        _user = _tlb.Table(MmuIndex.El0);
        RefreshTraps();
        const ulong DebugControls = SelfHostedDebug.MdscrSoftwareStep | SelfHostedDebug.MdscrMonitorDebug;
        if ((Cpu->MdscrEl1 & DebugControls) != 0 || _watchpointsArmed || _debugging)
            RefreshDebug();
        return !_debugging;
    }

    /// <summary>Takes the most urgent interrupt line that PSTATE does not mask. True if one was taken.</summary>
    private bool TakePendingInterrupt()
    {
        var cpu = Cpu;
        if (cpu->VirtualSError != 0 && (cpu->Daif & PState.A) == 0)
        {
            cpu->VirtualSError = 0;
            ExceptionEntry.TakeSError(cpu, cpu->VsesrEl2);
        }
        else if (cpu->VirtualFiq != 0 && (cpu->Daif & PState.F) == 0)
        {
            ExceptionEntry.TakeInterrupt(cpu, VectorOffset.Fiq);
        }
        else if (cpu->VirtualIrq != 0 && (cpu->Daif & PState.I) == 0)
        {
            ExceptionEntry.TakeInterrupt(cpu, VectorOffset.Irq);
        }
        else
        {
            return false;
        }

        Counters.InterruptsTaken++;
        _unresolved = null;
        _modeStale = true;
        return true;
    }

    /// <summary>Does what other threads asked for. True to leave Run.</summary>
    private bool HandleAttention()
    {
        Interlocked.Exchange(ref _attention, 0);
        AcknowledgeFlush();
        return Interlocked.Exchange(ref _exitRequested, 0) != 0;
    }
}
