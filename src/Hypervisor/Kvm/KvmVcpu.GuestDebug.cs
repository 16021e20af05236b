using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_SET_GUEST_DEBUG, and what a debugger needs besides: translation of the guest's virtual addresses.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>RUN executes single instructions; interrupt lines are hidden from the guest meanwhile.</summary>
    private bool _stepping;

    /// <summary>The stepped instruction was an MMIO access that the monitor has completed: the step is done before RUN enters.</summary>
    private bool _stepCompleted;

    /// <summary>KVM_SET_GUEST_DEBUG: RUN exits with <see cref="KvmExitReason.Debug"/> as asked.</summary>
    public Errno SetGuestDebug(KvmGuestDebug debug)
    {
        _stepping = debug.SingleStep;
        _stepCompleted = false;
        _engine.SetDebugControls(debug.Controls);
        return Errno.Ok;
    }

    /// <summary>
    /// Where the vCPU's current translation leads, seen with EL1's privileges and whatever the permissions; nothing changes by looking.
    /// False where nothing is mapped.
    /// </summary>
    public bool TryTranslate(ulong va, out GuestPhysicalAddress address)
    {
        ApplyPendingReset();
        var found = Stage1Walker.TryTranslate(_context, _vm.Memory, va, MmuIndex.El1, AccessKind.Inspect, out var translation, out _);
        address = new GuestPhysicalAddress(translation.Ipa);
        return found;
    }

    /// <summary>Executes until one instruction is done, be it by the engine, by KVM or by the monitor.</summary>
    private RunOutcome StepGuest(PhysicalCpu cpu)
    {
        while (true)
        {
            var reason = _engine.Step(cpu.State);
            Counters.CountExit(reason);
            switch (reason)
            {
                case ExitReason.Budget:
                    return LeaveForStep();
                case ExitReason.Interrupted:
                    return RunOutcome.Again; // Run looks at the reason with the CPU given back
                case ExitReason.FpTrap or ExitReason.SveTrap:
                    var pc = cpu.State->Pc;
                    HandleExit(cpu, reason);
                    if (cpu.State->Pc == pc)
                        continue; // the registers are loaded, the instruction is still to come
                    return LeaveForStep();
            }

            var outcome = HandleExit(cpu, reason);
            if (outcome is RunOutcome.Exit or RunOutcome.NoSyscall)
                return outcome.Value;
            return PoweredOff || _resetRequested ? RunOutcome.Again : LeaveForStep();
        }
    }

    private RunOutcome LeaveForStep()
    {
        RunState.ExitReason = KvmExitReason.Debug;
        RunState.DebugStop = KvmDebugStop.Step;
        return RunOutcome.Exit;
    }

    private RunOutcome HandleDebugStop(CpuState* cpu)
    {
        ref readonly var exit = ref cpu->Exit;
        RunState.ExitReason = KvmExitReason.Debug;
        RunState.DebugStop = !exit.SyndromeValid ? KvmDebugStop.Breakpoint : exit.IsWrite ? KvmDebugStop.WatchedWrite : KvmDebugStop.WatchedRead;
        RunState.DebugAddress = exit.Far;
        return RunOutcome.Exit;
    }
}
