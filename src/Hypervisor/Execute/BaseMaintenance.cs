using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Mmu;
using F = CloudVm.Hypervisor.Isa.Fields;
using Id = CloudVm.Hypervisor.Cpu.SystemRegisterId;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SYS: cache and TLB maintenance, address translation, DC ZVA.</summary>
public sealed unsafe partial class Interpreter
{
    private const int CacheLine = 64;
    private const uint IssCm = 1u << 8;
    private const ulong SctlrEnRctx = 1UL << 10;

    internal static StepResult SYS_CR_systeminstrs(Interpreter c, uint word)
    {
        var id = Id.FromInstruction(word);
        var value = c.X(F.SYS_CR_systeminstrs.Rt(word));
        if (c.CheckMaintenanceAccess(id, word) is { } trapped)
            return trapped;
        switch (id)
        {
            case Id.DC_ZVA:
                return c.ZeroBlock(value);
            case Id.IC_IVAU:
                return c.InvalidateInstructionLine(value);
            case Id.IC_IALLU:
                c.DropBlocks();
                return StepResult.EndBlock;
            case Id.IC_IALLUIS:
                c._broadcast = c._domain.Broadcast(new(MaintenanceKind.DropBlocks, default));
                return StepResult.EndBlock;
            case Id.DC_CVAP when !c.Features.Has(Feature.DPB):
            case Id.DC_CVADP when !c.Features.Has(Feature.DPB2):
                return c.Undefined(word);
            case Id.DC_CVAC or Id.DC_CVAU or Id.DC_CIVAC or Id.DC_CVAP or Id.DC_CVADP:
                return c.MaintainDataLine(value, c.Cpu->El == 0 ? AccessKind.Read : null);
            case Id.DC_IVAC:
                return c.MaintainDataLine(value, AccessKind.Write);
            case Id.CFP_RCTX or Id.DVP_RCTX or Id.CPP_RCTX when c.Features.Has(Feature.SPECRES):
                return StepResult.Next; // there is no speculation to restrict
            case Id.DC_ISW or Id.DC_CSW or Id.DC_CISW:
                return StepResult.Next;
            case Id.AT_S1E1R:
                return c.TranslateAddress(value, MmuIndex.El1, AccessKind.Read);
            case Id.AT_S1E1W:
                return c.TranslateAddress(value, MmuIndex.El1, AccessKind.Write);
            case Id.AT_S1E0R:
                return c.TranslateAddress(value, MmuIndex.El0, AccessKind.Read);
            case Id.AT_S1E0W:
                return c.TranslateAddress(value, MmuIndex.El0, AccessKind.Write);
            case Id.AT_S1E1RP when c.Features.Has(Feature.PAN):
                return c.TranslateAddress(value, c.Cpu->Pan != 0 ? MmuIndex.El1Pan : MmuIndex.El1, AccessKind.Read);
            case Id.AT_S1E1WP when c.Features.Has(Feature.PAN):
                return c.TranslateAddress(value, c.Cpu->Pan != 0 ? MmuIndex.El1Pan : MmuIndex.El1, AccessKind.Write);
            default:
                return c.TryInvalidateTlb(id, value) ? StepResult.EndBlock : c.Undefined(word);
        }
    }

    /// <summary>No system instruction with a result is implemented.</summary>
    internal static StepResult SYSL_RC_systeminstrs(Interpreter c, uint word) => c.Undefined(word);

    private StepResult? CheckMaintenanceAccess(uint id, uint word)
    {
        if (Cpu->El != 0)
            return null;
        switch (id)
        {
            case Id.DC_ZVA:
                return (Cpu->SctlrEl1 & SctlrDze) == 0 ? TrapSystemToEl1(word) : null;
            case Id.IC_IVAU or Id.DC_CVAC or Id.DC_CVAU or Id.DC_CIVAC or Id.DC_CVAP or Id.DC_CVADP:
                return (Cpu->SctlrEl1 & SctlrUci) == 0 ? TrapSystemToEl1(word) : null;
            case Id.CFP_RCTX or Id.DVP_RCTX or Id.CPP_RCTX when Features.Has(Feature.SPECRES):
                return (Cpu->SctlrEl1 & SctlrEnRctx) == 0 ? TrapSystemToEl1(word) : null;
            default:
                return Undefined(word);
        }
    }

    /// <summary>DC ZVA. Faults report the address as given, not that of the block; on Device memory it is an alignment fault.</summary>
    private StepResult ZeroBlock(ulong va)
    {
        var line = va & ~(ulong)(CacheLine - 1);
        var host = WritePointer(line, CacheLine);
        if (host == null)
        {
            if (!Resolve(line, CacheLine, AccessKind.Write, _mmuIndex, out var piece, out _, out _, out var fault))
            {
                fault.Address = va;
                Fail(in fault, CacheLine, AccessInfo.None, null);
                return FaultResult;
            }

            if (piece.IsDevice)
            {
                Fail(AlignmentFault(va, AccessKind.Write), CacheLine, AccessInfo.None, null);
                return FaultResult;
            }

            host = piece.Host;
        }

        new Span<byte>(host, CacheLine).Clear();
        return StepResult.Next;
    }

    /// <summary>Nothing to clean; but the address must translate, and the fault is a data abort with ISS.CM.</summary>
    private StepResult MaintainDataLine(ulong va, AccessKind? needed) =>
        TryTranslateLine(va, needed, out _) ? StepResult.Next : FaultResult;

    private StepResult InvalidateInstructionLine(ulong va)
    {
        if (!TryTranslateLine(va, Cpu->El == 0 ? AccessKind.Read : null, out var ipa))
            return FaultResult;
        // Every vCPU compares a block's stamp before it executes it, so the change of stamp is the broadcast.
        var line = ipa & ~(ulong)(CacheLine - 1);
        if (_memory.Contains(line, CacheLine))
            _memory.CodePages.Invalidate(line - _memory.Base, CacheLine);
        return StepResult.Next;
    }

    private bool TryTranslateLine(ulong va, AccessKind? needed, out ulong ipa)
    {
        var fault = new MmuFault { Address = va, IsWrite = true };
        var translated = Stage1Walker.TryTranslate(Cpu, _memory, va, _mmuIndex, AccessKind.Read, out var translation, out fault.Status);
        ipa = translation.Ipa;
        if (translated && (needed is null || (needed == AccessKind.Write ? translation.CanWrite : translation.CanRead)))
            return true;
        if (translated)
            fault.Status = (byte)(FaultStatus.Permission | translation.Level);
        var exceptionClass = Cpu->El == 0 ? ExceptionClass.DataAbortLower : ExceptionClass.DataAbortSame;
        FaultResult = TakeException(exceptionClass, fault.Status | IssWnr | IssCm, va, Cpu->Pc);
        return false;
    }

    /// <summary>AT: the translation, or why there is none, in PAR_EL1. It never changes a dirty state.</summary>
    private StepResult TranslateAddress(ulong va, MmuIndex index, AccessKind kind)
    {
        const ulong ReservedOne = 1UL << 11;
        const ulong NonSecure = 1UL << 9;
        const ulong AddressMask = 0x0000_ffff_ffff_f000;
        if (!Stage1Walker.TryTranslate(Cpu, _memory, va, index, AccessKind.Read, out var translation, out var status))
        {
            // An external abort is not the address's fault: it is taken.
            if ((status & ~3) == FaultStatus.ExternalOnWalk)
            {
                var exceptionClass = Cpu->El == 0 ? ExceptionClass.DataAbortLower : ExceptionClass.DataAbortSame;
                return TakeException(exceptionClass, status | IssWnr | IssCm, va, Cpu->Pc);
            }

            Cpu->ParEl1 = ReservedOne | (ulong)status << 1 | 1;
            return StepResult.Next;
        }

        var allowed = kind == AccessKind.Write ? translation.CanWrite : translation.CanRead;
        Cpu->ParEl1 = allowed
            ? (ulong)translation.Attributes << 56 | (translation.Ipa & AddressMask) | ReservedOne | NonSecure | ShareabilityOf(in translation) << 7
            : ReservedOne | (ulong)(FaultStatus.Permission | translation.Level) << 1 | 1;
        return StepResult.Next;
    }

    /// <summary>Pseudocode PAREncodeShareability: Device and Non-cacheable memory is Outer Shareable whatever the descriptor says.</summary>
    private static ulong ShareabilityOf(in Stage1Translation translation)
    {
        const byte OuterShareable = 2;
        const byte NonCacheable = 0x44;
        return translation.IsDevice || translation.Attributes == NonCacheable ? OuterShareable : translation.Shareability;
    }

    /// <summary>TLBI at EL1. False when <paramref name="id"/> is none.</summary>
    private bool TryInvalidateTlb(uint id, ulong value)
    {
        var isArmv80 = (id >> 3 & 15) is 3 or 7;
        if ((!isArmv80 && !Features.Has(Feature.TLBIRANGE))
            || !TlbInvalidation.TryDecode(id, value, HasWideAsids, out var invalidation, out var isBroadcast))
            return false;
        InvalidateTlb(in invalidation);
        if (isBroadcast)
            _broadcast = _domain.BroadcastToOthers(new(MaintenanceKind.Tlb, invalidation, Index));
        return true;
    }
}
