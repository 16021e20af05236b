using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Lazy switching of the FP and SVE registers. At load they are nobody's and every access traps; the first trap loads this vCPU's,
/// which makes it the owner until put saves them.
/// </summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>Event counters of this vCPU.</summary>
    internal KvmVcpuCounters Counters { get; } = new();

    /// <summary>Arms the traps (CPTR_EL2.TFP and TZ) and selects the vCPU's longest vector length (ZCR_EL2.LEN).</summary>
    private void LoadFpTraps(PhysicalCpu cpu)
    {
        if (!_vm.Abi.HostStateIsSavedByTrap)
            SaveHostFp(cpu);
        cpu.State->TrapFp = 1;
        cpu.State->TrapSve = 1;
        cpu.State->HasHiddenVectors = 0;
        if (cpu.State->MaxVq != (uint)MaxVq)
            Counters.VectorLengthChanges++;
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

        if (_vm.Abi.HostStateIsSavedByTrap)
            SaveHostFp(cpu);
        cpu.State->TrapFp = 0;
        cpu.State->TrapSve = (byte)(HasSve ? 0 : 1);
        if (!ReferenceEquals(cpu.FpOwner, this))
        {
            CopyFp(_context, cpu.State);
            cpu.State->HasHiddenVectors = (byte)(HasContentAbove(cpu.State, (int)cpu.State->EffectiveVq() * 16) ? 1 : 0);
            cpu.FpOwner = this;
            Counters.FpLoads++;
        }

        return RunOutcome.Again;
    }

    /// <summary>Saves the registers if they are this vCPU's; afterwards they are nobody's.</summary>
    private void PutFp(PhysicalCpu cpu)
    {
        if (!ReferenceEquals(cpu.FpOwner, this))
            return;
        CopyFp(cpu.State, _context);
        cpu.FpOwner = null;
        Counters.FpSaves++;
    }

    /// <summary>The emulated host's own tasks use no FP registers; all that saving them does is to end their ownership.</summary>
    private static void SaveHostFp(PhysicalCpu cpu) => cpu.FpOwner = null;

    /// <summary>Whether a monitor has set bytes of Z registers that the guest's present length hides.</summary>
    private static bool HasContentAbove(CpuState* cpu, int bytes)
    {
        if (bytes == CpuState.ZStride)
            return false;
        for (var n = 0; n < 32; n++)
        {
            if (new ReadOnlySpan<byte>(&cpu->Z[(n * CpuState.ZStride) + bytes], CpuState.ZStride - bytes).ContainsAnyExcept((byte)0))
                return true;
        }

        return false;
    }

    /// <summary>
    /// Moves FPCR, FPSR, Z, P and FFR. The whole stride of each register moves whatever the vector length, because bytes above the
    /// vCPU's longest are zero and must be zero on the CPU too.
    /// </summary>
    private static void CopyFp(CpuState* from, CpuState* to)
    {
        to->Fpcr = from->Fpcr;
        to->Fpsr = from->Fpsr;
        Buffer.MemoryCopy(from->Z, to->Z, 32 * CpuState.ZStride, 32 * CpuState.ZStride);
        Buffer.MemoryCopy(from->P, to->P, 17 * CpuState.PStride, 17 * CpuState.PStride);
    }
}
