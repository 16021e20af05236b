namespace CloudVm.Hypervisor.Cpu;

/// <summary>Bits of PSTATE as SPSR_EL1 lays them out.</summary>
public static unsafe class PState
{
    public const uint N = 1u << 31;
    public const uint Z = 1u << 30;
    public const uint C = 1u << 29;
    public const uint V = 1u << 28;
    public const uint NzcvMask = 0xf000_0000;
    public const uint D = 1u << 9;
    public const uint A = 1u << 8;
    public const uint I = 1u << 7;
    public const uint F = 1u << 6;
    public const uint DaifMask = 0x3c0;

    private const int TcoShift = 25;
    private const int DitShift = 24;
    private const int UaoShift = 23;
    private const int PanShift = 22;
    private const int SsShift = 21;
    private const int IlShift = 20;
    private const int SsbsShift = 12;
    private const int BtypeShift = 10;

    /// <summary>PSTATE in the format of SPSR_EL1 (pseudocode GetPSRFromPSTATE).</summary>
    public static ulong Read(CpuState* cpu) =>
        cpu->Nzcv | cpu->Daif
        | ((uint)cpu->Tco << TcoShift) | ((uint)cpu->Dit << DitShift) | ((uint)cpu->Uao << UaoShift) | ((uint)cpu->Pan << PanShift)
        | ((uint)cpu->Ss << SsShift) | ((uint)cpu->Il << IlShift) | ((uint)cpu->Ssbs << SsbsShift) | ((uint)cpu->Btype << BtypeShift)
        | ((uint)cpu->El << 2) | (cpu->El == 0 ? 0u : cpu->SpSel);

    /// <summary>
    /// Sets PSTATE from a value in SPSR_EL1 format, as the debugger and ONE_REG do. The mode must be EL0t, EL1t or EL1h;
    /// anything else returns false and changes nothing.
    /// </summary>
    public static bool TryWrite(CpuState* cpu, ulong value)
    {
        if (!IsLegalMode(value))
            return false;
        cpu->El = (byte)((value >> 2) & 3);
        cpu->SpSel = (byte)(value & 1);
        WriteFlags(cpu, value);
        cpu->Il = (byte)((value >> IlShift) & 1);
        cpu->Ss = (byte)((value >> SsShift) & 1);
        return true;
    }

    /// <summary>
    /// PSTATE part of an exception return (pseudocode SetPSTATEFromPSR): an illegal mode keeps EL and SP and sets IL.
    /// </summary>
    public static void Return(CpuState* cpu, ulong spsr)
    {
        var couldStep = CanStep(cpu);
        WriteFlags(cpu, spsr);
        ReturnMode(cpu, spsr);

        // Pseudocode DebugExceptionReturnSS: stepping starts by returning from where it is disabled to where it is not.
        if (!couldStep && CanStep(cpu))
            cpu->Ss = (byte)((spsr >> SsShift) & 1);
    }

    private static bool CanStep(CpuState* cpu) =>
        (cpu->MdscrEl1 & SelfHostedDebug.MdscrSoftwareStep) != 0
        && SelfHostedDebug.AreExceptionsEnabled(cpu, cpu->El, (cpu->Daif & D) != 0);

    private static void ReturnMode(CpuState* cpu, ulong spsr)
    {
        if (!IsLegalMode(spsr) || ((spsr >> 2) & 3) > cpu->El)
        {
            cpu->Il = 1;
            cpu->Btype = 0;
            return;
        }

        cpu->Il = (byte)((spsr >> IlShift) & 1);
        cpu->El = (byte)((spsr >> 2) & 3);
        cpu->SpSel = (byte)(spsr & 1);
    }

    // AArch64 (M[4] clear), M[1] clear, EL0 with SP_EL0 only, and no EL2 or EL3 in a guest.
    private static bool IsLegalMode(ulong value) => (value & 0x1f) is 0b00000 or 0b00100 or 0b00101;

    private static void WriteFlags(CpuState* cpu, ulong value)
    {
        cpu->Nzcv = (uint)value & NzcvMask;
        cpu->Daif = (uint)value & DaifMask;
        cpu->Tco = (byte)((value >> TcoShift) & 1);
        cpu->Dit = (byte)((value >> DitShift) & 1);
        cpu->Uao = (byte)((value >> UaoShift) & 1);
        cpu->Pan = (byte)((value >> PanShift) & 1);
        cpu->Ss = 0;
        cpu->Ssbs = (byte)((value >> SsbsShift) & 1);
        cpu->Btype = (byte)((value >> BtypeShift) & 3);
    }
}
