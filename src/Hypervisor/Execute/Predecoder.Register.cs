using CloudVm.Hypervisor.Isa;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Data processing (register).</summary>
internal readonly unsafe partial struct Predecoder
{
    private bool TryDataRegister(Opcode opcode, uint word, out DecodedInstruction decoded)
    {
        switch (opcode)
        {
            case Opcode.AND_32_log_shift:
                return TryShifted(HotOp.And32, HotOp.AndShifted32, word, out decoded);
            case Opcode.AND_64_log_shift:
                return TryShifted(HotOp.And64, HotOp.AndShifted64, word, out decoded);
            case Opcode.BIC_32_log_shift:
                return TryShifted(HotOp.Bic32, HotOp.Row, word, out decoded);
            case Opcode.BIC_64_log_shift:
                return TryShifted(HotOp.Bic64, HotOp.Row, word, out decoded);
            case Opcode.ORR_32_log_shift:
                return TryShifted(Rn(word) == Zero ? HotOp.Move32 : HotOp.Orr32, HotOp.OrrShifted32, word, out decoded);
            case Opcode.ORR_64_log_shift:
                return TryShifted(Rn(word) == Zero ? HotOp.Move64 : HotOp.Orr64, HotOp.OrrShifted64, word, out decoded);
            case Opcode.ORN_32_log_shift:
                return TryShifted(HotOp.Orn32, HotOp.Row, word, out decoded);
            case Opcode.ORN_64_log_shift:
                return TryShifted(HotOp.Orn64, HotOp.Row, word, out decoded);
            case Opcode.EOR_32_log_shift:
                return TryShifted(HotOp.Eor32, HotOp.EorShifted32, word, out decoded);
            case Opcode.EOR_64_log_shift:
                return TryShifted(HotOp.Eor64, HotOp.EorShifted64, word, out decoded);
            case Opcode.ANDS_32_log_shift:
                return TryShifted(HotOp.Ands32, HotOp.Row, word, out decoded);
            case Opcode.ANDS_64_log_shift:
                return TryShifted(HotOp.Ands64, HotOp.Row, word, out decoded);
            case Opcode.ADD_32_addsub_shift:
                return TryShifted(HotOp.Add32, HotOp.AddShifted32, word, out decoded);
            case Opcode.ADD_64_addsub_shift:
                return TryShifted(HotOp.Add64, HotOp.AddShifted64, word, out decoded);
            case Opcode.ADDS_32_addsub_shift:
                return TryShifted(HotOp.Adds32, HotOp.Row, word, out decoded);
            case Opcode.ADDS_64_addsub_shift:
                return TryShifted(HotOp.Adds64, HotOp.Row, word, out decoded);
            case Opcode.SUB_32_addsub_shift:
                return TryShifted(HotOp.Sub32, HotOp.SubShifted32, word, out decoded);
            case Opcode.SUB_64_addsub_shift:
                return TryShifted(HotOp.Sub64, HotOp.SubShifted64, word, out decoded);
            case Opcode.SUBS_32_addsub_shift:
                return TryShifted(HotOp.Subs32, HotOp.Row, word, out decoded);
            case Opcode.SUBS_64_addsub_shift:
                return TryShifted(HotOp.Subs64, HotOp.Row, word, out decoded);
            case Opcode.ADD_64_addsub_ext:
                decoded = Extended(HotOp.AddExtended64, word);
                return true;
            case Opcode.SUB_64_addsub_ext:
                decoded = Extended(HotOp.SubExtended64, word);
                return true;
        }

        var code = CodeOf(opcode);
        decoded = Registers(code, word, a: (byte)Ra(word));
        if (code is >= HotOp.Csel64 and <= HotOp.Csneg32)
        {
            decoded.Condition = Flags.SatisfiedBy(Condition(word));
        }
        else if (code is >= HotOp.CcmpRegister64 and <= HotOp.CcmpImmediate32)
        {
            decoded.A = (byte)(word & 15);
            decoded.Condition = Flags.SatisfiedBy(Condition(word));
        }

        return code != HotOp.Row;
    }

    /// <summary>Operations on whole registers with at most one field besides.</summary>
    private static HotOp CodeOf(Opcode opcode) => opcode switch
    {
        Opcode.CSEL_64_condsel => HotOp.Csel64,
        Opcode.CSEL_32_condsel => HotOp.Csel32,
        Opcode.CSINC_64_condsel => HotOp.Csinc64,
        Opcode.CSINC_32_condsel => HotOp.Csinc32,
        Opcode.CSINV_64_condsel => HotOp.Csinv64,
        Opcode.CSINV_32_condsel => HotOp.Csinv32,
        Opcode.CSNEG_64_condsel => HotOp.Csneg64,
        Opcode.CSNEG_32_condsel => HotOp.Csneg32,
        Opcode.CCMP_64_condcmp_reg => HotOp.CcmpRegister64,
        Opcode.CCMP_32_condcmp_reg => HotOp.CcmpRegister32,
        Opcode.CCMP_64_condcmp_imm => HotOp.CcmpImmediate64,
        Opcode.CCMP_32_condcmp_imm => HotOp.CcmpImmediate32,
        Opcode.MADD_64A_dp_3src => HotOp.Madd64,
        Opcode.MADD_32A_dp_3src => HotOp.Madd32,
        Opcode.MSUB_64A_dp_3src => HotOp.Msub64,
        Opcode.MSUB_32A_dp_3src => HotOp.Msub32,
        Opcode.SMADDL_64WA_dp_3src => HotOp.Smaddl,
        Opcode.UMADDL_64WA_dp_3src => HotOp.Umaddl,
        Opcode.UMULH_64_dp_3src => HotOp.Umulh,
        Opcode.UDIV_64_dp_2src => HotOp.Udiv64,
        Opcode.UDIV_32_dp_2src => HotOp.Udiv32,
        Opcode.SDIV_64_dp_2src => HotOp.Sdiv64,
        Opcode.SDIV_32_dp_2src => HotOp.Sdiv32,
        Opcode.LSLV_64_dp_2src => HotOp.Lslv64,
        Opcode.LSLV_32_dp_2src => HotOp.Lslv32,
        Opcode.LSRV_64_dp_2src => HotOp.Lsrv64,
        Opcode.LSRV_32_dp_2src => HotOp.Lsrv32,
        Opcode.ASRV_64_dp_2src => HotOp.Asrv64,
        Opcode.ASRV_32_dp_2src => HotOp.Asrv32,
        Opcode.CLZ_64_dp_1src => HotOp.Clz64,
        Opcode.CLZ_32_dp_1src => HotOp.Clz32,
        Opcode.REV_64_dp_1src => HotOp.Rev64,
        Opcode.REV_32_dp_1src => HotOp.Rev32,
        _ => HotOp.Row,
    };

    /// <summary><paramref name="plain"/> without a shift, else <paramref name="shifted"/>, unless that is Row.</summary>
    private static bool TryShifted(HotOp plain, HotOp shifted, uint word, out DecodedInstruction decoded)
    {
        var isPlain = Imm6(word) == 0;
        decoded = Registers(isPlain ? plain : shifted, word, (byte)Imm6(word), (byte)(word >> 22 & 3));

        // A move has its source where the others have their first.
        if (decoded.Code is HotOp.Move32 or HotOp.Move64)
            decoded.N = decoded.M;
        return decoded.Code != HotOp.Row;
    }

    private DecodedInstruction Extended(HotOp code, uint word) => new()
    {
        Code = code,
        D = RegisterOrSp(Rd(word)),
        N = RegisterOrSp(Rn(word)),
        M = (byte)Rm(word),
        A = (byte)(word >> 13 & 7),
        Shift = (byte)(word >> 10 & 7),
    };
}
