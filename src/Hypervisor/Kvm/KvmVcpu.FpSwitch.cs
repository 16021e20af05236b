using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Lazy switching of the FP and SVE registers. While they are not this vCPU's, every access traps; the trap loads them, which makes the
/// vCPU their owner until put, or until the host itself uses FP. When the host's own state is saved follows the ABI profile: at load in
/// later kernels, by the trap in the series of 2018.
/// </summary>
public sealed unsafe partial class KvmVcpu : IFpOwner
{
    /// <summary>What the monitor's task had when the vCPU was loaded (KVM_ARM64_HOST_SVE_IN_USE and _ENABLED).</summary>
    private (bool UsesSve, bool El0MayUseSve) _hostSve;

    /// <summary>The monitor's task whose FP state must survive runs; null for one that uses no FP.</summary>
    /// <remarks>Set it while the vCPU is not in RUN.</remarks>
    public HostTask? Monitor { get; set; }

    /// <summary>Event counters of this vCPU.</summary>
    internal KvmVcpuCounters Counters { get; } = new();

    CpuState* IFpOwner.FpStorage => _context;

    PhysicalCpu? IFpOwner.FpLiveOn { get; set; }

    /// <summary>kvm_arch_vcpu_load_fp: the CPU is taken over from the monitor's task, whose registers are live.</summary>
    private void LoadFp(PhysicalCpu cpu)
    {
        if (Monitor is { } monitor)
        {
            cpu.Fp.Load(monitor);
            _hostSve = (monitor.UsesSve, monitor.El0MayUseSve);
        }

        if (!_vm.Abi.HostStateIsSavedByTrap)
            cpu.Fp.SaveAndFlush();
        ArmFpTraps(cpu);
        if (cpu.GuestVq != MaxVq)
            Counters.VectorLengthChanges++;
        cpu.GuestVq = MaxVq;
        cpu.State->MaxVq = (uint)MaxVq;
    }

    /// <summary>
    /// A trapped access: FP and SIMD (EC 0x07), or SVE (EC 0x19). Plain FP on an SVE vCPU loads the whole SVE state, because its
    /// registers are part of it. The instruction is executed again.
    /// </summary>
    private RunOutcome HandleFpTrap(PhysicalCpu cpu, bool isSve)
    {
        if (isSve)
            Counters.SveTraps++;
        else
            Counters.FpTraps++;
        if (isSve && !HasSve)
        {
            ExceptionEntry.InjectUndefined(cpu.State);
            return RunOutcome.Again;
        }

        // In the series of 2018 the host's registers are still live.
        cpu.Fp.SaveAndFlush();
        cpu.Fp.Load(this);
        Counters.FpLoads++;
        if (HasSve)
        {
            // The engine relies on zeros above the effective length, which the monitor may have set apart from the registers.
            cpu.State->ClearVectors((int)cpu.State->EffectiveVq() * 16, MaxVq * 16);
        }

        cpu.State->TrapFp = 0;
        cpu.State->TrapSve = (byte)(HasSve ? 0 : 1);
        if (Monitor is { } monitor)
            monitor.UsesSve = HasSve; // fpsimd_bind_state_to_cpu: the flag now says in which form the live state is saved
        return RunOutcome.Again;
    }

    /// <summary>
    /// Before an entry: a task or interrupt of the host may have used FP on this CPU since the last (TIF_FOREIGN_FPSTATE). The guest's
    /// registers were saved for that, and its next access traps.
    /// </summary>
    private void GiveWayToHostFp(PhysicalCpu cpu)
    {
        if (!cpu.TakeFpRequest())
            return;
        SaveFp(cpu);
        cpu.ScribbleFp();
        ArmFpTraps(cpu);
    }

    /// <summary>kvm_arch_vcpu_put_fp: saves the registers if they are this vCPU's, makes them nobody's, and gives the task its flags back.</summary>
    private void PutFp(PhysicalCpu cpu)
    {
        SaveFp(cpu);
        if (Monitor is { } monitor)
            (monitor.UsesSve, monitor.El0MayUseSve) = _hostSve;
    }

    private void SaveFp(PhysicalCpu cpu)
    {
        if (ReferenceEquals(cpu.Fp.SaveAndFlush(), this))
            Counters.FpSaves++;
    }

    /// <summary>CPTR_EL2.TFP and TZ.</summary>
    private static void ArmFpTraps(PhysicalCpu cpu)
    {
        cpu.State->TrapFp = 1;
        cpu.State->TrapSve = 1;
    }
}
