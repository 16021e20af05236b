using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Exits other than FP: system registers, hypervisor calls, aborts outside RAM.</summary>
public sealed unsafe partial class KvmVcpu
{
    private ulong _mmioValue;

    /// <summary>EC 0x18: emulates the access and skips the instruction, or injects UNDEF for what the vCPU does not have.</summary>
    private RunOutcome HandleSystemRegister(CpuState* cpu)
    {
        var access = SystemRegisterAccess.Decode(cpu->Exit.Esr);
        if (EmulateSystemRegister(cpu, access))
            return RunOutcome.Again;
        if (!SystemRegisterTable.IsKnown(access.Register))
            Counters.UnknownSystemRegisters++;
        ExceptionEntry.InjectUndefined(cpu);
        return RunOutcome.Again;
    }

    /// <summary>False when the access must become UNDEF. Otherwise it is done, or trapped to the guest's EL1.</summary>
    private bool EmulateSystemRegister(CpuState* cpu, SystemRegisterAccess access)
    {
        if (cpu->El == 0)
        {
            switch (UserAccess.Check(access.Register, access.IsRead, cpu->CntkctlEl1))
            {
                case UserAccess.Result.Undefined:
                    return false;
                case UserAccess.Result.TrapToEl1:
                    ExceptionEntry.TakeToEl1(cpu, ExceptionClass.SystemRegister, cpu->Exit.Esr & 0x1ff_ffff, 1, null, cpu->Pc);
                    return true;
            }
        }

        ulong value;
        if (access.IsRead)
        {
            if (!TryReadTrapped(cpu, access.Register, out value))
                return false;
            if (access.Rt != 31)
                cpu->X[access.Rt] = value;
        }
        else
        {
            value = cpu->X[access.Rt]; // X[31] is always zero
            if (!TryWriteTrapped(cpu, access.Register, value))
                return false;
        }

        SkipInstruction(cpu);
        return true;
    }

    /// <summary>kvm_skip_instr: the instruction counts as executed, for BTI and for software step too.</summary>
    private static void SkipInstruction(CpuState* cpu)
    {
        cpu->Pc += 4;
        cpu->Btype = 0;
        cpu->Ss = 0;
    }

    private bool TryReadTrapped(CpuState* cpu, SystemRegister register, out ulong value)
    {
        if (_vm.Timers.TryRead(Index, register, out value) || _vm.Gic.TryRead(Index, register, out value))
            return true;
        return SystemRegisterTable.TryGuestRead(this, cpu, register, out value);
    }

    private bool TryWriteTrapped(CpuState* cpu, SystemRegister register, ulong value) =>
        _vm.Timers.TryWrite(Index, register, value) || _vm.Gic.TryWrite(Index, register, value)
        || SystemRegisterTable.TryGuestWrite(this, cpu, register, value);

    /// <summary>EC 0x09: kvm_handle_ptrauth injects UNDEF into a vCPU without the feature.</summary>
    private static RunOutcome HandlePauthTrap(CpuState* cpu)
    {
        ExceptionEntry.InjectUndefined(cpu);
        return RunOutcome.Again;
    }

    private RunOutcome HandleHypervisorCall(CpuState* cpu) => CallFirmware(cpu);

    private RunOutcome HandleSecureMonitorCall(CpuState* cpu)
    {
        // Trapped by HCR_EL2.TSC, so the PC is still at the SMC; firmware answers only to immediate 0.
        SkipInstruction(cpu);
        if (_vm.Abi.SmcReachesFirmware && (cpu->Exit.Esr & 0xffff) == 0)
            return CallFirmware(cpu);
        cpu->X[0] = ulong.MaxValue; // and X1 to X3 stay, as in handle_smc
        return RunOutcome.Again;
    }

    private RunOutcome CallFirmware(CpuState* cpu)
    {
        var call = new FirmwareCall(cpu->X[0], cpu->X[1], cpu->X[2], cpu->X[3]);
        var answer = _vm.Firmware.Call(this, call);
        cpu->X[0] = answer.Result;
        cpu->X[1] = answer.Result1;
        cpu->X[2] = answer.Result2;
        cpu->X[3] = answer.Result3;
        switch (answer.Effect)
        {
            case FirmwareEffect.WaitForInterrupt:
                return RunOutcome.WaitForInterrupt;
            case FirmwareEffect.Shutdown or FirmwareEffect.Reset:
                RunState.ExitReason = KvmExitReason.SystemEvent;
                RunState.SystemEvent = answer.Effect == FirmwareEffect.Reset ? KvmSystemEvent.Reset : KvmSystemEvent.Shutdown;
                return RunOutcome.Exit;
            default:
                return RunOutcome.Again;
        }
    }

    /// <summary>EC 0x24: the interrupt controller's frames are KVM's own, everything else outside RAM is the monitor's.</summary>
    private RunOutcome HandleDataAbort(CpuState* cpu)
    {
        ref readonly var exit = ref cpu->Exit;
        Counters.MmioAccesses++;
        _faultAddress = exit.Far;
        if (!exit.SyndromeValid)
        {
            const uint KnownBits = (1 << 8) | (1 << 6) | 0x3f; // CM, WnR, DFSC
            const ulong PageMask = ~0xffful;
            RunState.ExitReason = KvmExitReason.ArmNisv;
            RunState.NisvEsrIss = exit.Esr & KnownBits;
            RunState.NisvFaultIpa = exit.Ipa & PageMask;
            RunState.Detail = $"An access that has no syndrome, at {exit.Ipa:x}, by the instruction at {cpu->Pc:x}.";
            return _vm.ReportsNisv ? RunOutcome.Exit : RunOutcome.NoSyscall;
        }

        _mmioTarget = (exit.Rt, exit.SignExtend, exit.SixtyFour);
        if (exit.IsWrite ? _vm.KernelBus.TryWrite(exit.Ipa, exit.Size, exit.Data) : _vm.KernelBus.TryRead(exit.Ipa, exit.Size, out _mmioValue))
        {
            FinishMmio(cpu, exit.IsWrite, exit.Size, _mmioValue);
            return RunOutcome.Again;
        }

        RunState.ExitReason = KvmExitReason.Mmio;
        RunState.MmioAddress = exit.Ipa;
        RunState.MmioLength = exit.Size;
        RunState.MmioIsWrite = exit.IsWrite;
        RunState.MmioData = exit.IsWrite ? exit.Data : 0;
        _mmioPending = true;
        return RunOutcome.Exit;
    }

    /// <summary>A fetch outside RAM: KVM injects an external abort into the guest.</summary>
    private static RunOutcome HandleInstructionAbort(CpuState* cpu)
    {
        InjectExternalAbort(cpu, isFetch: true, cpu->Exit.Far);
        return RunOutcome.Again;
    }

    /// <summary>kvm_handle_mmio_return: completes what the monitor has answered.</summary>
    private void CompleteMmio()
    {
        if (!_mmioPending)
            return;
        _mmioPending = false;
        _stepCompleted = _stepping;
        FinishMmio(_context, RunState.MmioIsWrite, RunState.MmioLength, RunState.MmioData);
    }

    private void FinishMmio(CpuState* cpu, bool isWrite, int size, ulong data)
    {
        if (!isWrite && _mmioTarget.Rt != 31)
        {
            var shift = 64 - (8 * size);
            data = _mmioTarget.SignExtend ? (ulong)((long)(data << shift) >> shift) : data << shift >> shift;
            cpu->X[_mmioTarget.Rt] = _mmioTarget.SixtyFour ? data : (uint)data;
        }

        SkipInstruction(cpu);
    }
}
