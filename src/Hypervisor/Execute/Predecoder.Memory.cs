using CloudVm.Hypervisor.Isa;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Loads and stores.</summary>
internal readonly unsafe partial struct Predecoder
{
    private const byte SpAlignment = 15;

    private bool TryLoadStore(Opcode opcode, uint word, out DecodedInstruction decoded)
    {
        var (code, size) = UnscaledOf(opcode);
        if (code != HotOp.Row)
        {
            decoded = Access(code, opcode, word, (int)Imm9(word));
            return true;
        }

        (code, size) = ScaledOf(opcode);
        if (code != HotOp.Row)
        {
            decoded = Access(code, opcode, word, (int)(word >> 10 & 0xfff) * size);
            return true;
        }

        (code, size) = PairOf(opcode);
        if (code != HotOp.Row)
        {
            decoded = Access(code, opcode, word, (int)PairOffset.Offset(word, size));
            decoded.A = IsVector(code) ? (byte)Rt2(word) : IsLoad(code) ? Destination(Rt2(word)) : (byte)Rt2(word);
            return true;
        }

        (code, size) = IndexedOf(opcode);
        var option = word >> 13 & 7;
        if (code != HotOp.Row && Rn(word) != 31)
        {
            decoded = Access(code, opcode, word, (int)option);
            decoded.M = (byte)Rm(word);
            decoded.Shift = (byte)((word & 1u << 12) != 0 ? size : 0);
            return true;
        }

        code = opcode switch
        {
            Opcode.LDR_64_loadlit => HotOp.LoadLiteral64,
            Opcode.LDR_32_loadlit => HotOp.LoadLiteral32,
            _ => HotOp.Row,
        };
        decoded = Access(code, opcode, word, (int)Imm19Offset(word));
        return code != HotOp.Row;
    }

    private DecodedInstruction Access(HotOp code, Opcode opcode, uint word, int offset) => new()
    {
        Code = code,
        D = IsLoad(code) && !IsVector(code) ? Destination(Rt(word)) : (byte)Rt(word),
        N = RegisterOrSp(Rn(word)),
        M = Rn(word) == 31 ? SpAlignment : (byte)0,
        Offset = offset,
        Row = (ushort)opcode,
    };

    private static bool IsVector(HotOp code) => code is >= HotOp.LoadVector128 and <= HotOp.StoreVectorPair64;

    private static bool IsLoad(HotOp code) => code is >= HotOp.Load64 and <= HotOp.LoadSigned8To32 or >= HotOp.Load64Post and <= HotOp.Load8Post
        or >= HotOp.Load64Pre and <= HotOp.Load8Pre or >= HotOp.Load64Indexed and <= HotOp.LoadSigned32Indexed
        or HotOp.LoadPair64 or HotOp.LoadPair32 or HotOp.LoadPair64Post or HotOp.LoadPair64Pre or HotOp.LoadLiteral64 or HotOp.LoadLiteral32;

    /// <summary>Forms with an offset of 9 bits: unscaled, post- and pre-indexed.</summary>
    private static (HotOp Code, int Size) UnscaledOf(Opcode opcode) => (opcode switch
    {
        Opcode.LDUR_64_ldst_unscaled => HotOp.Load64,
        Opcode.LDUR_32_ldst_unscaled => HotOp.Load32,
        Opcode.LDURH_32_ldst_unscaled => HotOp.Load16,
        Opcode.LDURB_32_ldst_unscaled => HotOp.Load8,
        Opcode.LDURSW_64_ldst_unscaled => HotOp.LoadSigned32,
        Opcode.STUR_64_ldst_unscaled => HotOp.Store64,
        Opcode.STUR_32_ldst_unscaled => HotOp.Store32,
        Opcode.STURH_32_ldst_unscaled => HotOp.Store16,
        Opcode.STURB_32_ldst_unscaled => HotOp.Store8,
        Opcode.LDUR_Q_ldst_unscaled => HotOp.LoadVector128,
        Opcode.LDUR_D_ldst_unscaled => HotOp.LoadVector64,
        Opcode.STUR_Q_ldst_unscaled => HotOp.StoreVector128,
        Opcode.STUR_D_ldst_unscaled => HotOp.StoreVector64,
        Opcode.LDR_64_ldst_immpost => HotOp.Load64Post,
        Opcode.LDR_32_ldst_immpost => HotOp.Load32Post,
        Opcode.LDRH_32_ldst_immpost => HotOp.Load16Post,
        Opcode.LDRB_32_ldst_immpost => HotOp.Load8Post,
        Opcode.STR_64_ldst_immpost => HotOp.Store64Post,
        Opcode.STR_32_ldst_immpost => HotOp.Store32Post,
        Opcode.STRH_32_ldst_immpost => HotOp.Store16Post,
        Opcode.STRB_32_ldst_immpost => HotOp.Store8Post,
        Opcode.LDR_64_ldst_immpre => HotOp.Load64Pre,
        Opcode.LDR_32_ldst_immpre => HotOp.Load32Pre,
        Opcode.LDRB_32_ldst_immpre => HotOp.Load8Pre,
        Opcode.STR_64_ldst_immpre => HotOp.Store64Pre,
        Opcode.STR_32_ldst_immpre => HotOp.Store32Pre,
        Opcode.STRB_32_ldst_immpre => HotOp.Store8Pre,
        _ => HotOp.Row,
    }, 1);

    private static (HotOp Code, int Size) ScaledOf(Opcode opcode) => opcode switch
    {
        Opcode.LDR_64_ldst_pos => (HotOp.Load64, 8),
        Opcode.LDR_32_ldst_pos => (HotOp.Load32, 4),
        Opcode.LDRH_32_ldst_pos => (HotOp.Load16, 2),
        Opcode.LDRB_32_ldst_pos => (HotOp.Load8, 1),
        Opcode.LDRSW_64_ldst_pos => (HotOp.LoadSigned32, 4),
        Opcode.LDRSH_64_ldst_pos => (HotOp.LoadSigned16To64, 2),
        Opcode.LDRSH_32_ldst_pos => (HotOp.LoadSigned16To32, 2),
        Opcode.LDRSB_64_ldst_pos => (HotOp.LoadSigned8To64, 1),
        Opcode.LDRSB_32_ldst_pos => (HotOp.LoadSigned8To32, 1),
        Opcode.STR_64_ldst_pos => (HotOp.Store64, 8),
        Opcode.STR_32_ldst_pos => (HotOp.Store32, 4),
        Opcode.STRH_32_ldst_pos => (HotOp.Store16, 2),
        Opcode.STRB_32_ldst_pos => (HotOp.Store8, 1),
        Opcode.LDR_Q_ldst_pos => (HotOp.LoadVector128, 16),
        Opcode.LDR_D_ldst_pos => (HotOp.LoadVector64, 8),
        Opcode.LDR_S_ldst_pos => (HotOp.LoadVector32, 4),
        Opcode.STR_Q_ldst_pos => (HotOp.StoreVector128, 16),
        Opcode.STR_D_ldst_pos => (HotOp.StoreVector64, 8),
        Opcode.STR_S_ldst_pos => (HotOp.StoreVector32, 4),
        _ => (HotOp.Row, 0),
    };

    /// <summary>Size: of one register.</summary>
    private static (HotOp Code, int Size) PairOf(Opcode opcode) => opcode switch
    {
        Opcode.LDP_64_ldstpair_off => (HotOp.LoadPair64, 8),
        Opcode.LDP_32_ldstpair_off => (HotOp.LoadPair32, 4),
        Opcode.STP_64_ldstpair_off or Opcode.STNP_64_ldstnapair_offs => (HotOp.StorePair64, 8),
        Opcode.STP_32_ldstpair_off => (HotOp.StorePair32, 4),
        Opcode.LDP_64_ldstpair_post => (HotOp.LoadPair64Post, 8),
        Opcode.STP_64_ldstpair_post => (HotOp.StorePair64Post, 8),
        Opcode.LDP_64_ldstpair_pre => (HotOp.LoadPair64Pre, 8),
        Opcode.STP_64_ldstpair_pre => (HotOp.StorePair64Pre, 8),
        Opcode.LDP_Q_ldstpair_off => (HotOp.LoadVectorPair128, 16),
        Opcode.STP_Q_ldstpair_off => (HotOp.StoreVectorPair128, 16),
        Opcode.LDP_D_ldstpair_off => (HotOp.LoadVectorPair64, 8),
        Opcode.STP_D_ldstpair_off => (HotOp.StoreVectorPair64, 8),
        _ => (HotOp.Row, 0),
    };

    /// <summary>Size: log2 of the bytes, the shift of a scaled index.</summary>
    private static (HotOp Code, int Size) IndexedOf(Opcode opcode) => opcode switch
    {
        Opcode.LDR_64_ldst_regoff => (HotOp.Load64Indexed, 3),
        Opcode.LDR_32_ldst_regoff => (HotOp.Load32Indexed, 2),
        Opcode.LDRH_32_ldst_regoff => (HotOp.Load16Indexed, 1),
        Opcode.LDRB_32_ldst_regoff => (HotOp.Load8Indexed, 0),
        Opcode.LDRSW_64_ldst_regoff => (HotOp.LoadSigned32Indexed, 2),
        Opcode.STR_64_ldst_regoff => (HotOp.Store64Indexed, 3),
        Opcode.STR_32_ldst_regoff => (HotOp.Store32Indexed, 2),
        Opcode.STRH_32_ldst_regoff => (HotOp.Store16Indexed, 1),
        Opcode.STRB_32_ldst_regoff => (HotOp.Store8Indexed, 0),
        _ => (HotOp.Row, 0),
    };
}
