using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using F = CloudVm.Hypervisor.Isa.Fields;
using Id = CloudVm.Hypervisor.Cpu.SystemRegisterId;

namespace CloudVm.Hypervisor.Execute;

/// <summary>MSR and MRS. Registers that the engine does not hold leave Run for the hypervisor's register table.</summary>
public sealed unsafe partial class Interpreter
{
    private const ulong SctlrTranslation = 1 | SctlrA | 1UL << 19; // M, A, WXN
    private const ulong SctlrUma = 1UL << 9;
    private const ulong SctlrDze = 1UL << 14;
    private const ulong SctlrUct = 1UL << 15;
    private const ulong SctlrUci = 1UL << 26;
    private const ulong CpacrFpenMask = 3UL << CpacrFpenShift;
    private const ulong CpacrZenMask = 3UL << CpacrZenShift;

    // AHP, DN, FZ, RMode and FZ16; traps of FP exceptions are not implemented, so their enables read as zero.
    private const uint FpcrMask = 0x07c8_0000;

    // QC, IDC, IXC, UFC, OFC, DZC, IOC.
    private const uint FpsrMask = 0x0800_009f;

    // CTR_EL0: 64-byte lines everywhere, PIPT instruction cache, IDC set, DIC clear so that guests issue IC IVAU.
    private const ulong CtrEl0 = 1UL << 31 | 1UL << 28 | 4UL << 24 | 4UL << 20 | 4UL << 16 | 3UL << 14 | 4UL;

    // DCZID_EL0: DC ZVA clears 64 bytes; bit 4 forbids it.
    private const ulong DczidBlockSize = 4;
    private const ulong DczidProhibited = 1UL << 4;

    internal static StepResult MRS_RS_systemmove(Interpreter c, uint word)
    {
        if (c.CheckSystemAccess(word, isRead: true) is { } trapped)
            return trapped;
        var result = c.ReadSystemRegister(Id.FromInstruction(word), word, out var value);
        if (result == StepResult.Next)
            c.X(F.MRS_RS_systemmove.Rt(word), value);
        return result;
    }

    internal static StepResult MSR_SR_systemmove(Interpreter c, uint word) =>
        c.CheckSystemAccess(word, isRead: false) ?? c.WriteSystemRegister(Id.FromInstruction(word), word, c.X(F.MSR_SR_systemmove.Rt(word)));

    internal static StepResult MSR_SI_pstate(Interpreter c, uint word)
    {
        var cpu = c.Cpu;
        var immediate = F.MSR_SI_pstate.CRm(word);
        switch (F.MSR_SI_pstate.op1(word) << 3 | F.MSR_SI_pstate.op2(word))
        {
            case 0b000_011 when cpu->El != 0 && c.Features.Has(Feature.UAO):
                cpu->Uao = (byte)(immediate & 1);
                return StepResult.Next;
            case 0b000_100 when cpu->El != 0 && c.Features.Has(Feature.PAN):
                cpu->Pan = (byte)(immediate & 1);
                return StepResult.EndBlock;
            case 0b000_101 when cpu->El != 0:
                cpu->SpSel = (byte)(immediate & 1);
                return StepResult.EndBlock;
            case 0b011_001 when c.Features.Has(Feature.SSBS):
                cpu->Ssbs = (byte)(immediate & 1);
                return StepResult.Next;
            case 0b011_010 when c.Features.Has(Feature.DIT):
                cpu->Dit = (byte)(immediate & 1);
                return StepResult.Next;
            case 0b011_110:
                if (cpu->El == 0 && (cpu->SctlrEl1 & SctlrUma) == 0)
                    return c.TrapSystemToEl1(word);
                cpu->Daif |= immediate << 6;
                return StepResult.Next;
            case 0b011_111:
                if (cpu->El == 0 && (cpu->SctlrEl1 & SctlrUma) == 0)
                    return c.TrapSystemToEl1(word);
                cpu->Daif &= ~(immediate << 6);
                return StepResult.EndBlock;
            default:
                return c.Undefined(word);
        }
    }

    internal static StepResult CFINV_M_pstate(Interpreter c, uint word)
    {
        c.Cpu->Nzcv ^= PState.C;
        return StepResult.Next;
    }

    /// <summary>Flags of an x86-like FP comparison to those of an Arm one.</summary>
    internal static StepResult XAFLAG_M_pstate(Interpreter c, uint word)
    {
        var z = c.Cpu->Nzcv >> 30 & 1;
        var carry = c.Cpu->Nzcv >> 29 & 1;
        c.Cpu->Nzcv = (~(carry | z) & 1) << 31 | (z & carry) << 30 | (carry | z) << 29 | (~carry & z & 1) << 28;
        return StepResult.Next;
    }

    /// <summary>Flags of an Arm FP comparison to those of an x86-like one.</summary>
    internal static StepResult AXFLAG_M_pstate(Interpreter c, uint word)
    {
        var z = c.Cpu->Nzcv >> 30 & 1;
        var carry = c.Cpu->Nzcv >> 29 & 1;
        var v = c.Cpu->Nzcv >> 28 & 1;
        c.Cpu->Nzcv = (z | v) << 30 | (carry & ~v & 1) << 29;
        return StepResult.Next;
    }

    /// <summary>
    /// The accesses that are UNDEFINED by their encoding's privilege. Null when the register itself decides. op1 of 4 and above
    /// belongs to EL2, EL3 or Secure state; op1 below 3 to EL1.
    /// </summary>
    private StepResult? CheckSystemAccess(uint word, bool isRead)
    {
        var op1 = word >> 16 & 7;
        if (op1 > 3 || (Cpu->El == 0 && op1 != 3))
            return Undefined(word);
        if (Cpu->El == 0)
        {
            var id = Id.FromInstruction(word);
            if ((id == Id.DAIF && (Cpu->SctlrEl1 & SctlrUma) == 0) || (id == Id.CTR_EL0 && isRead && (Cpu->SctlrEl1 & SctlrUct) == 0))
                return TrapSystemToEl1(word);
        }

        return null;
    }

    private StepResult TrapSystemToEl1(uint word) => TakeException(ExceptionClass.SystemRegister, Id.TrapSyndrome(word), null, Cpu->Pc);

    private StepResult LeaveForSystemRegister(uint word, ulong data)
    {
        LeaveRun(ExitReason.SystemRegister, ExceptionClass.Syndrome(ExceptionClass.SystemRegister, Id.TrapSyndrome(word)));
        Cpu->Exit.Rt = (byte)(word & 31);
        Cpu->Exit.IsWrite = (word >> 21 & 1) == 0;
        Cpu->Exit.Data = data;
        return StepResult.Exit;
    }

    private StepResult ReadSystemRegister(uint id, uint word, out ulong value)
    {
        var cpu = Cpu;
        value = 0;
        switch (id)
        {
            case Id.FPCR or Id.FPSR:
                if (!CheckFp(out var trapped))
                    return trapped;
                value = id == Id.FPCR ? cpu->Fpcr : cpu->Fpsr;
                return StepResult.Next;
            case Id.ZCR_EL1:
                if (!Features.Has(Feature.SVE))
                    return Undefined(word);
                if (!CheckZcr(out trapped))
                    return trapped;
                value = cpu->ZcrEl1;
                return StepResult.Next;
            case Id.RNDR or Id.RNDRRS when Features.Has(Feature.RNG):
                value = _domain.NextRandom();
                cpu->Nzcv = 0;
                return StepResult.Next;
            case Id.SP_EL0 when cpu->SpSel == 0:
            case Id.PAN when !Features.Has(Feature.PAN):
            case Id.UAO when !Features.Has(Feature.UAO):
            case Id.DIT when !Features.Has(Feature.DIT):
            case Id.SSBS when !Features.Has(Feature.SSBS):
                return Undefined(word);
        }

        ulong? held = id switch
        {
            Id.MIDR_EL1 => cpu->VpidrEl2,
            Id.MPIDR_EL1 => cpu->VmpidrEl2,
            Id.SCTLR_EL1 => cpu->SctlrEl1,
            Id.ACTLR_EL1 => cpu->ActlrEl1,
            Id.CPACR_EL1 => cpu->CpacrEl1,
            Id.TTBR0_EL1 => cpu->Ttbr0El1,
            Id.TTBR1_EL1 => cpu->Ttbr1El1,
            Id.TCR_EL1 => cpu->TcrEl1,
            Id.SPSR_EL1 => cpu->SpsrEl1,
            Id.ELR_EL1 => cpu->ElrEl1,
            Id.SP_EL0 => cpu->Sp[0],
            Id.SPSel => cpu->SpSel,
            Id.CurrentEL => (ulong)cpu->El << 2,
            Id.PAN => (ulong)cpu->Pan << 22,
            Id.UAO => (ulong)cpu->Uao << 23,
            Id.DIT => (ulong)cpu->Dit << 24,
            Id.SSBS => (ulong)cpu->Ssbs << 12,
            Id.NZCV => cpu->Nzcv,
            Id.DAIF => cpu->Daif,
            Id.AFSR0_EL1 => cpu->Afsr0El1,
            Id.AFSR1_EL1 => cpu->Afsr1El1,
            Id.ESR_EL1 => cpu->EsrEl1,
            Id.FAR_EL1 => cpu->FarEl1,
            Id.PAR_EL1 => cpu->ParEl1,
            Id.MAIR_EL1 => cpu->MairEl1,
            Id.AMAIR_EL1 => cpu->AmairEl1,
            Id.VBAR_EL1 => cpu->VbarEl1,
            Id.ISR_EL1 => (ulong)cpu->VirtualSError << 8 | (ulong)cpu->VirtualIrq << 7 | (ulong)cpu->VirtualFiq << 6,
            Id.DISR_EL1 => cpu->DisrEl1,
            Id.CONTEXTIDR_EL1 => cpu->ContextIdrEl1,
            Id.TPIDR_EL0 => cpu->TpidrEl0,
            Id.TPIDRRO_EL0 => cpu->TpidrroEl0,
            Id.TPIDR_EL1 => cpu->TpidrEl1,
            Id.CNTKCTL_EL1 => cpu->CntkctlEl1,
            Id.MDSCR_EL1 => cpu->MdscrEl1,
            Id.CSSELR_EL1 => cpu->CsselrEl1,
            Id.CTR_EL0 => cpu->CtrEl0 != 0 ? cpu->CtrEl0 : CtrEl0,
            Id.DCZID_EL0 => DczidBlockSize | (cpu->El == 0 && (cpu->SctlrEl1 & SctlrDze) == 0 ? DczidProhibited : 0),
            _ => null,
        };
        if (held is null && PointerKeyRegister(id) is var key && key != null)
            held = *key;
        if (held is not { } known)
            return LeaveForSystemRegister(word, 0);
        value = known;
        return StepResult.Next;
    }

    private StepResult WriteSystemRegister(uint id, uint word, ulong value)
    {
        var cpu = Cpu;
        switch (id)
        {
            // What changes the meaning of descriptors drops all translations: coarse, and always allowed. Other tables do not:
            // translations belong to an ASID, and software that reuses one invalidates it.
            case Id.SCTLR_EL1:
                var changed = cpu->SctlrEl1 ^ value;
                cpu->SctlrEl1 = value;
                return (changed & SctlrTranslation) != 0 ? TranslationChanged() : StepResult.EndBlock;
            case Id.TTBR0_EL1:
                cpu->Ttbr0El1 = value;
                _contextStale = true;
                return StepResult.EndBlock;
            case Id.TTBR1_EL1:
                cpu->Ttbr1El1 = value;
                _contextStale = true;
                return StepResult.EndBlock;
            case Id.TCR_EL1:
                cpu->TcrEl1 = value & ~UnimplementedTcrBits;
                return TranslationChanged();
            case Id.MAIR_EL1:
                cpu->MairEl1 = value;
                return TranslationChanged();
            case Id.CPACR_EL1:
                cpu->CpacrEl1 = value & (CpacrFpenMask | (Features.Has(Feature.SVE) ? CpacrZenMask : 0));
                return StepResult.EndBlock;
            case Id.ZCR_EL1:
                if (!Features.Has(Feature.SVE))
                    return Undefined(word);
                if (!CheckZcr(out var trapped))
                    return trapped;
                cpu->ZcrEl1 = value & 0xf;

                // The architecture leaves open whether a later growth shows zeros or the old bits; zeros make every register's image
                // independent of its history.
                cpu->ClearVectors((int)cpu->EffectiveVq() * 16, VL);
                return StepResult.EndBlock;
            case Id.FPCR:
                if (!CheckFp(out trapped))
                    return trapped;
                cpu->Fpcr = (uint)value & FpcrMask;
                return StepResult.Next;
            case Id.FPSR:
                if (!CheckFp(out trapped))
                    return trapped;
                cpu->Fpsr = (uint)value & FpsrMask;
                return StepResult.Next;
            case Id.MDSCR_EL1:
                cpu->MdscrEl1 = value;
                return StepResult.EndBlock;
            case Id.DAIF:
                cpu->Daif = (uint)value & PState.DaifMask;
                return StepResult.EndBlock;
            case Id.NZCV:
                cpu->Nzcv = (uint)value & PState.NzcvMask;
                return StepResult.Next;
            case Id.SPSel:
                cpu->SpSel = (byte)(value & 1);
                return StepResult.EndBlock;
            case Id.SP_EL0 when cpu->SpSel != 0:
                cpu->Sp[0] = value;
                return StepResult.Next;
            case Id.PAN when Features.Has(Feature.PAN):
                cpu->Pan = (byte)(value >> 22 & 1);
                return StepResult.EndBlock;
            case Id.UAO when Features.Has(Feature.UAO):
                cpu->Uao = (byte)(value >> 23 & 1);
                return StepResult.Next;
            case Id.DIT when Features.Has(Feature.DIT):
                cpu->Dit = (byte)(value >> 24 & 1);
                return StepResult.Next;
            case Id.SSBS when Features.Has(Feature.SSBS):
                cpu->Ssbs = (byte)(value >> 12 & 1);
                return StepResult.Next;
            case Id.TPIDRRO_EL0 when cpu->El == 0:
            case Id.SP_EL0 or Id.PAN or Id.UAO or Id.DIT or Id.SSBS:
            case Id.MIDR_EL1 or Id.MPIDR_EL1 or Id.CurrentEL or Id.CTR_EL0 or Id.DCZID_EL0:
                return Undefined(word);
        }

        var field = PlainRegister(id);
        if (field == null)
            field = PointerKeyRegister(id);
        if (field == null)
            return LeaveForSystemRegister(word, value);
        *field = value & WritableBits(id);
        return StepResult.Next;
    }

    /// <summary>The registers that only hold a value.</summary>
    private ulong* PlainRegister(uint id) => id switch
    {
        Id.ACTLR_EL1 => &Cpu->ActlrEl1,
        Id.SPSR_EL1 => &Cpu->SpsrEl1,
        Id.ELR_EL1 => &Cpu->ElrEl1,
        Id.AFSR0_EL1 => &Cpu->Afsr0El1,
        Id.AFSR1_EL1 => &Cpu->Afsr1El1,
        Id.ESR_EL1 => &Cpu->EsrEl1,
        Id.FAR_EL1 => &Cpu->FarEl1,
        Id.PAR_EL1 => &Cpu->ParEl1,
        Id.AMAIR_EL1 => &Cpu->AmairEl1,
        Id.VBAR_EL1 => &Cpu->VbarEl1,
        Id.DISR_EL1 => &Cpu->DisrEl1,
        Id.CONTEXTIDR_EL1 => &Cpu->ContextIdrEl1,
        Id.TPIDR_EL0 => &Cpu->TpidrEl0,
        Id.TPIDRRO_EL0 => &Cpu->TpidrroEl0,
        Id.TPIDR_EL1 => &Cpu->TpidrEl1,
        Id.CNTKCTL_EL1 => &Cpu->CntkctlEl1,
        Id.CSSELR_EL1 => &Cpu->CsselrEl1,
        _ => null,
    };

    private static ulong WritableBits(uint id) => id switch
    {
        Id.ACTLR_EL1 or Id.AFSR0_EL1 or Id.AFSR1_EL1 => 0,
        Id.SPSR_EL1 or Id.ESR_EL1 or Id.CONTEXTIDR_EL1 => uint.MaxValue,
        Id.VBAR_EL1 => ~0x7ffUL,
        Id.CSSELR_EL1 => 0xf,
        _ => ulong.MaxValue,
    };

    /// <summary>HA and HD, TBID0 and TBID1 are RES0 without the features that they belong to.</summary>
    private ulong UnimplementedTcrBits =>
        (Features.Has(Feature.HAFDBS) ? 0 : 3UL << 39) | (Features.Has(Feature.PAUTH) ? 0 : 3UL << 51);

    private StepResult TranslationChanged()
    {
        _contextStale = true;
        FlushTranslations();
        return StepResult.EndBlock;
    }
}
