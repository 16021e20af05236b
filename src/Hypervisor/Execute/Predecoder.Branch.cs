using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using static CloudVm.Hypervisor.Execute.Operands;
using F = CloudVm.Hypervisor.Isa.Fields;
using Id = CloudVm.Hypervisor.Cpu.SystemRegisterId;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Branches, hints, and reads of the system registers that operating systems read all the time.</summary>
internal readonly unsafe partial struct Predecoder
{
    /// <summary>Whether the op is followed by links and ends its block.</summary>
    public static bool HasLinks(HotOp code) => code is >= HotOp.Branch and <= HotOp.BranchBitSet or HotOp.Continue;

    /// <summary>The twin of a flag-setting op for when a conditional branch follows.</summary>
    public static HotOp BeforeBranch(HotOp code) => code switch
    {
        HotOp.SubsImmediate64 or HotOp.SubsImmediate32 or HotOp.AndsImmediate64 or HotOp.AndsImmediate32
            or HotOp.Subs64 or HotOp.Subs32 or HotOp.Ands64 or HotOp.Ands32 => code + 1,
        _ => code,
    };

    private bool TryBranchOrSystem(Opcode opcode, uint word, out DecodedInstruction decoded)
    {
        decoded = default;
        switch (opcode)
        {
            case Opcode.B_only_branch_imm:
                decoded = Branch(HotOp.Branch, Interpreter.Imm26Offset(word));
                return true;
            case Opcode.BL_only_branch_imm:
                decoded = Branch(HotOp.BranchLink, Interpreter.Imm26Offset(word));
                return true;
            case Opcode.B_only_condbranch:
                decoded = Branch(HotOp.BranchConditional, Imm19Offset(word));
                decoded.Condition = Flags.SatisfiedBy(F.B_only_condbranch.cond(word));
                return true;
            case Opcode.CBZ_64_compbranch:
                decoded = Branch(HotOp.BranchZero64, Imm19Offset(word), Rt(word));
                return true;
            case Opcode.CBZ_32_compbranch:
                decoded = Branch(HotOp.BranchZero32, Imm19Offset(word), Rt(word));
                return true;
            case Opcode.CBNZ_64_compbranch:
                decoded = Branch(HotOp.BranchNonzero64, Imm19Offset(word), Rt(word));
                return true;
            case Opcode.CBNZ_32_compbranch:
                decoded = Branch(HotOp.BranchNonzero32, Imm19Offset(word), Rt(word));
                return true;
            case Opcode.TBZ_only_testbranch:
                decoded = Branch(HotOp.BranchBitClear, Interpreter.Imm14Offset(word), Rt(word), F.TBZ_only_testbranch.bit(word));
                return true;
            case Opcode.TBNZ_only_testbranch:
                decoded = Branch(HotOp.BranchBitSet, Interpreter.Imm14Offset(word), Rt(word), F.TBNZ_only_testbranch.bit(word));
                return true;
            case Opcode.RET_64R_branch_reg:
                decoded = RegisterBranch(HotOp.BranchRegister, word, BranchTargets.None);
                return true;
            case Opcode.BR_64_branch_reg:
                decoded = RegisterBranch(HotOp.BranchRegister, word, BranchTargets.OfJump(Rn(word), mode.IsGuarded));
                return true;
            case Opcode.BLR_64_branch_reg:
                decoded = RegisterBranch(HotOp.BranchLinkRegister, word, BranchTargets.Call);
                return true;
            case Opcode.MRS_RS_systemmove:
                return TryReadRegister(word, out decoded);
            case Opcode.HINT_HM_hints or Opcode.NOP_HI_hints or Opcode.YIELD_HI_hints or Opcode.DGH_HI_hints
                or Opcode.ESB_HI_hints or Opcode.PSB_HC_hints or Opcode.TSB_HC_hints or Opcode.CSDB_HI_hints or Opcode.CLRBHB_HI_hints
                or Opcode.BTI_HB_hints
                or Opcode.PRFM_P_ldst_pos or Opcode.PRFUM_P_ldst_unscaled or Opcode.PRFM_P_ldst_regoff or Opcode.PRFM_P_loadlit:
                decoded.Code = HotOp.Nop;
                return true;
            default:
                return false;
        }
    }

    private static DecodedInstruction Branch(HotOp code, ulong offset, uint register = 0, uint bit = 0) =>
        new() { Code = code, D = (byte)register, M = (byte)bit, Offset = (int)offset };

    private DecodedInstruction RegisterBranch(HotOp code, uint word, byte btype)
    {
        var decoded = new DecodedInstruction { Code = code, N = (byte)Rn(word) };
        if (btype == BranchTargets.None || !hasBranchTargets)
            return decoded;
        decoded.D = btype;
        decoded.M = BranchTargets.Bit(btype);
        return decoded;
    }

    private bool TryReadRegister(uint word, out DecodedInstruction decoded)
    {
        CpuState state;
        var id = Id.FromInstruction(word);
        var field = id switch
        {
            Id.TPIDR_EL0 => &state.TpidrEl0,
            Id.TPIDRRO_EL0 => &state.TpidrroEl0,
            Id.TPIDR_EL1 when mode.El == 1 => &state.TpidrEl1,
            Id.SP_EL0 when mode.SpIndex == 1 => &state.Sp[0],
            Id.ELR_EL1 when mode.El == 1 => &state.ElrEl1,
            Id.SPSR_EL1 when mode.El == 1 => &state.SpsrEl1,
            Id.ESR_EL1 when mode.El == 1 => &state.EsrEl1,
            Id.FAR_EL1 when mode.El == 1 => &state.FarEl1,
            _ => null,
        };
        var narrow = id switch
        {
            Id.DAIF when mode.El == 1 => &state.Daif,
            Id.NZCV => &state.Nzcv,
            _ => null,
        };
        var start = (byte*)&state;
        decoded = field != null
            ? Immediate(HotOp.ReadField64, Destination(Rt(word)), 0, (ulong)((byte*)field - start))
            : Immediate(HotOp.ReadField32, Destination(Rt(word)), 0, (ulong)((byte*)narrow - start));
        return field != null || narrow != null;
    }
}
