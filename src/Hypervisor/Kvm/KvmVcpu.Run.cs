using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_RUN: borrowing a physical CPU, entering the guest, handling its exits, waiting in WFI.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>Instructions between two looks at timers and at others who want the CPU.</summary>
    private const long SliceInstructions = 50_000;

    /// <summary>Bytes of register state that load and put always move; what follows belongs to the FP state or to the exit.</summary>
    private static readonly nuint EagerBytes = OffsetOfFpcr();

    /// <summary>ZCR_EL1.LEN.</summary>
    private const ulong ZcrLenMask = 0xf;

    private readonly ThreadParker _parker = new();
    private readonly Lock _lineGate = new();
    private PhysicalCpu? _lastCpu;
    private PhysicalCpu? _cpu;
    private volatile bool _irqLine;
    private volatile bool _fiqLine;
    private volatile bool _kicked;
    private int _wfeCount;
    private bool _mmioPending;
    private volatile bool _poweredOff;
    private volatile bool _isInRun;
    private (byte Rt, bool SignExtend, bool SixtyFour) _mmioTarget;

    /// <summary>KVM_MP_STATE_STOPPED: PSCI holds the vCPU off. RUN then waits until it is switched on.</summary>
    public bool PoweredOff
    {
        get => _poweredOff;
        internal set => _poweredOff = value;
    }

    /// <summary>A thread is in <see cref="Run"/>.</summary>
    internal bool IsInRun
    {
        get => _isInRun;
        private set => _isInRun = value;
    }

    /// <summary>An MMIO exit whose access the next RUN completes.</summary>
    public bool HasPendingMmio => _mmioPending;

    /// <summary>Makes a current or the next RUN return EINTR soon, like a signal to its thread.</summary>
    public void Kick()
    {
        _kicked = true;
        _parker.Wake();
        _engine.RequestExit();
    }

    /// <summary>Forgets a kick that came when no RUN was there to answer it.</summary>
    internal void ForgetKick() => _kicked = false;

    /// <summary>KVM_RUN.</summary>
    /// <returns>
    /// Ok with <see cref="RunState"/> filled; EINTR after a kick or with an immediate exit; ENOEXEC before INIT and EPERM before FINALIZE, which
    /// both come before an immediate exit; ENOSYS for an access that has no syndrome, unless that is an exit; EOPNOTSUPP with FAIL_ENTRY for
    /// what the interface allows and the engine cannot execute.
    /// </returns>
    public Errno Run()
    {
        IsInRun = true;
        try
        {
            return RunUntilExit();
        }
        finally
        {
            IsInRun = false;
        }
    }

    private Errno RunUntilExit()
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        if (!IsFinalized)
            return Errno.EPERM;
        _vm.NoteRun();
        CompleteMmio();
        if (RunState.ImmediateExit)
        {
            RunState.ExitReason = KvmExitReason.Intr;
            return Errno.EINTR;
        }

        if (_stepCompleted)
        {
            _stepCompleted = false;
            LeaveForStep();
            return Errno.Ok;
        }

        while (true)
        {
            if (!WaitUntilRunnable())
            {
                RunState.ExitReason = KvmExitReason.Intr;
                return Errno.EINTR;
            }

            ApplyPendingReset();
            if (!CanExecute())
                return Errno.EOPNOTSUPP;
            if (Suspended)
            {
                if (WaitSuspended())
                    return Errno.Ok;
                continue;
            }

            _pstateAsWritten = null;
            Load();
            var outcome = EnterGuest();
            Put();
            switch (outcome)
            {
                case RunOutcome.Exit:
                    return Errno.Ok;
                case RunOutcome.NoSyscall:
                    return Errno.ENOSYS;
                case RunOutcome.WaitForInterrupt:
                    WaitForInterrupt();
                    break;
                case RunOutcome.WaitForEvent:
                    WaitForEvent();
                    break;
            }
        }
    }

    /// <summary>Drives the virtual interrupt lines; the interrupt controller calls it.</summary>
    internal void SetInterruptLines(bool irq, bool fiq)
    {
        lock (_lineGate)
        {
            _irqLine = irq;
            _fiqLine = fiq;
            if (_cpu is { } cpu)
                ShowLines(cpu.State);
        }

        if (!irq && !fiq)
            return;
        _engine.NotifyInterruptLines();
        _parker.Wake();
    }

    /// <summary>Makes a parked RUN look at its conditions again, such as after PSCI switched the vCPU on.</summary>
    internal void Wake() => _parker.Wake();

    private enum RunOutcome
    {
        /// <summary>Enter again.</summary>
        Again,

        /// <summary>Return to the monitor with RunState filled.</summary>
        Exit,

        WaitForInterrupt,

        /// <summary>Sleep a little, then enter again.</summary>
        WaitForEvent,

        /// <summary>The guest made an access that cannot be described: RUN fails with ENOSYS.</summary>
        NoSyscall,
    }

    /// <summary>Whether the engine can execute what this vCPU is; if not, <see cref="RunState"/> says why.</summary>
    private bool CanExecute()
    {
        const ulong AArch32 = 1;
        const ulong Pmu = 2;
        const ulong MemoryTagging = 4;
        var reason = (IsInAArch32 ? AArch32 : 0) | (HasPmu ? Pmu : 0) | (HasMemoryTagging ? MemoryTagging : 0);
        if (reason == 0)
            return true;
        RunState.ExitReason = KvmExitReason.FailEntry;
        RunState.FailEntryReason = reason;
        RunState.FailEntryCpu = (uint)(_lastCpu?.Index ?? 0);
        RunState.Detail = "The engine executes AArch64 without performance monitors and memory tagging only.";
        return false;
    }

    /// <summary>kvm_vcpu_suspend: waits like WFI, and reports an interrupt. False after anything else.</summary>
    private bool WaitSuspended()
    {
        WaitForInterrupt();
        if (!_irqLine && !_fiqLine)
            return false;
        RunState.ExitReason = KvmExitReason.SystemEvent;
        RunState.SystemEvent = KvmSystemEvent.Wakeup;
        return true;
    }

    /// <summary>Waits while PSCI holds the vCPU off. False when it was kicked.</summary>
    private bool WaitUntilRunnable()
    {
        while (true)
        {
            var sequence = _parker.Sequence;
            if (_kicked)
            {
                _kicked = false;
                return false;
            }

            if (!PoweredOff)
                return true;
            _parker.Wait(sequence, -1);
        }
    }

    /// <summary>kvm_vcpu_block: waits for an interrupt (whatever PSTATE masks), a timer, or a kick. Uses no host CPU time.</summary>
    private void WaitForInterrupt()
    {
        while (true)
        {
            var sequence = _parker.Sequence;
            _vm.Timers.Poll(Index);
            if (HasReasonToWake)
                return;
            if (_vm.Timers.NextDeadline(Index) is not { } deadline)
                _parker.Wait(sequence, -1);
            else if (deadline - _vm.Clock.Now is > 0 and var ticks)
                _parker.Wait(sequence, VirtualClock.NanosecondsFor(ticks));
        }
    }

    /// <summary>vcpu_load: borrows a physical CPU and puts this vCPU's state on it, all but the FP and SVE registers.</summary>
    private void Load()
    {
        var cpu = _vm.Host.Acquire(_lastCpu);
        var state = cpu.State;
        Buffer.MemoryCopy(_context, state, EagerBytes, EagerBytes);
        state->VqSet = cpu.Profile.VectorLengths.Bits;
        state->TrapPauth = (byte)(HasPtrauth ? 0 : 1);
        state->CtrEl0 = IdentificationValue(SystemRegister.CTR_EL0);
        state->ZcrEl1 &= ZcrLenMask; // the other bits are RAZ in hardware
        LoadFp(cpu);
        lock (_lineGate)
        {
            _cpu = cpu;
            ShowLines(state);
        }
    }

    /// <summary>vcpu_put: takes the state back and gives the CPU to others.</summary>
    private void Put()
    {
        var cpu = _cpu!;
        lock (_lineGate)
        {
            _cpu = null;
            cpu.State->VirtualIrq = cpu.State->VirtualFiq = 0;
        }

        PutFp(cpu);
        Buffer.MemoryCopy(cpu.State, _context, EagerBytes, EagerBytes);
        _context->ExclusiveActive = 0;
        _lastCpu = cpu;
        _vm.Host.Release(cpu);
    }

    private RunOutcome EnterGuest()
    {
        var cpu = _cpu!;
        if (_stepping)
            return StepGuest(cpu);
        while (true)
        {
            _vm.Timers.Poll(Index);
            GiveWayToHostFp(cpu);
            var reason = _engine.Run(cpu.State, SliceInstructions);
            Counters.CountExit(reason);
            if (reason != ExitReason.Wfe)
                _wfeCount = 0;
            var outcome = HandleExit(cpu, reason);
            if (outcome is null)
                return RunOutcome.Again;
            if (outcome != RunOutcome.Again)
                return outcome.Value;

            // Off, or already on again by another vCPU while this one was on its way out: Run parks it or gives it its new start.
            if (PoweredOff || _resetRequested)
                return RunOutcome.Again;
        }
    }

    /// <summary>Does what an exit of the engine asks for. Null to look at what RUN waits for, with the CPU given back.</summary>
    private RunOutcome? HandleExit(PhysicalCpu cpu, ExitReason reason) => reason switch
    {
        ExitReason.Budget => _vm.Host.HasWaiters ? null : RunOutcome.Again,
        ExitReason.Interrupted => null, // Run looks at the reason with the CPU given back
        ExitReason.Wfi => RunOutcome.WaitForInterrupt,
        ExitReason.Wfe => YieldToOthers(cpu.State),
        ExitReason.FpTrap => HandleFpTrap(cpu, isSve: false),
        ExitReason.SveTrap => HandleFpTrap(cpu, isSve: true),
        ExitReason.PauthTrap => HandlePauthTrap(cpu.State),
        ExitReason.SystemRegister => HandleSystemRegister(cpu.State),
        ExitReason.Hvc => HandleHypervisorCall(cpu.State),
        ExitReason.Smc => HandleSecureMonitorCall(cpu.State),
        ExitReason.DataAbort => HandleDataAbort(cpu.State),
        ExitReason.InstructionAbort => HandleInstructionAbort(cpu.State),
        ExitReason.Debug => HandleDebugStop(cpu.State),
        _ => throw new InvalidOperationException($"The engine left with {reason}."),
    };

    private bool HasReasonToWake => _irqLine || _fiqLine || _kicked || PoweredOff;

    private void ShowLines(CpuState* state)
    {
        state->VirtualIrq = (byte)(_irqLine && !_stepping ? 1 : 0);
        state->VirtualFiq = (byte)(_fiqLine && !_stepping ? 1 : 0);
    }

    private static nuint OffsetOfFpcr()
    {
        CpuState state;
        return (nuint)((byte*)&state.Fpcr - (byte*)&state);
    }
}
