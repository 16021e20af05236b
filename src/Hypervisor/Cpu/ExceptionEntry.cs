namespace CloudVm.Hypervisor.Cpu;

/// <summary>Offset within a group of the EL1 vector table.</summary>
public enum VectorOffset : uint
{
    Synchronous = 0x000,
    Irq = 0x080,
    Fiq = 0x100,
    SError = 0x180,
}

/// <summary>Takes exceptions to EL1 (pseudocode AArch64.TakeException). Used by the engine and by the hypervisor to inject.</summary>
public static unsafe class ExceptionEntry
{
    private const ulong SctlrSpan = 1UL << 23;
    private const ulong SctlrDssbs = 1UL << 44;

    /// <summary>
    /// Takes a synchronous exception to EL1: ESR_EL1 gets <paramref name="exceptionClass"/> and <paramref name="iss"/>, FAR_EL1 gets
    /// <paramref name="far"/> unless it is null, ELR_EL1 gets <paramref name="returnAddress"/>.
    /// </summary>
    /// <param name="il">ESR.IL: 1 for a 32-bit instruction and wherever the architecture fixes it to 1.</param>
    public static void TakeToEl1(
        CpuState* cpu, uint exceptionClass, uint iss, uint il, ulong? far, ulong returnAddress, VectorOffset kind = VectorOffset.Synchronous)
    {
        cpu->EsrEl1 = (exceptionClass << 26) | (il << 25) | iss;
        if (far is { } address)
            cpu->FarEl1 = address;
        Enter(cpu, returnAddress, kind);
    }

    /// <summary>Takes an IRQ or FIQ to EL1; ESR_EL1 and FAR_EL1 keep their values.</summary>
    public static void TakeInterrupt(CpuState* cpu, VectorOffset kind) => Enter(cpu, cpu->Pc, kind);

    /// <summary>Takes an SError with the given ISS to EL1.</summary>
    public static void TakeSError(CpuState* cpu, uint iss)
    {
        cpu->EsrEl1 = ExceptionClass.Syndrome(ExceptionClass.SError, iss);
        Enter(cpu, cpu->Pc, VectorOffset.SError);
    }

    /// <summary>An UNDEFINED instruction at the current PC, as KVM injects it.</summary>
    public static void InjectUndefined(CpuState* cpu) => TakeToEl1(cpu, ExceptionClass.Unknown, 0, 1, null, cpu->Pc);

    private static void Enter(CpuState* cpu, ulong returnAddress, VectorOffset kind)
    {
        var group = cpu->El == 0 ? 0x400u : cpu->SpSel != 0 ? 0x200u : 0u;
        cpu->SpsrEl1 = PState.Read(cpu);
        cpu->ElrEl1 = returnAddress;
        cpu->El = 1;
        cpu->SpSel = 1;
        cpu->Daif = PState.DaifMask;
        cpu->Ss = 0;
        cpu->Il = 0;
        cpu->Btype = 0;
        cpu->Uao = 0;
        if ((cpu->SctlrEl1 & SctlrSpan) == 0)
            cpu->Pan = 1;
        cpu->Ssbs = (byte)((cpu->SctlrEl1 & SctlrDssbs) != 0 ? 1 : 0);
        cpu->Pc = (cpu->VbarEl1 & ~0x7ffUL) + group + (uint)kind;
    }
}
