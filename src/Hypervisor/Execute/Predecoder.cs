using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Extracts the operands of the encodings that the dispatch loop executes itself. An operand combination that has no
/// <see cref="HotOp"/> becomes <see cref="HotOp.Row"/>; nothing here has a meaning that the row's semantics method does not have.
/// </summary>
/// <param name="mode">Of the block: decides which element of the state SP is, and which system registers may be read.</param>
/// <param name="hasBranchTargets">FEAT_BTI.</param>
internal readonly unsafe partial struct Predecoder(ExecutionMode mode, bool hasBranchTargets)
{
    private const byte Discarded = 35;
    private const byte FirstSp = 33;
    private const byte Zero = 31;

    public DecodedInstruction Predecode(Opcode opcode, uint word)
    {
        if (!TryDataImmediate(opcode, word, out var decoded) && !TryDataRegister(opcode, word, out decoded)
            && !TryBranchOrSystem(opcode, word, out decoded) && !TryLoadStore(opcode, word, out decoded))
            decoded = new DecodedInstruction { Code = HotOp.Row, Handler = HandlerTable.Entries[(int)opcode] };
        decoded.Word = word;
        return decoded;
    }

    private static byte Destination(uint n) => n == 31 ? Discarded : (byte)n;

    private byte RegisterOrSp(uint n) => n == 31 ? (byte)(FirstSp + mode.SpIndex) : (byte)n;

    private bool TryDataImmediate(Opcode opcode, uint word, out DecodedInstruction decoded)
    {
        decoded = default;
        switch (opcode)
        {
            case Opcode.ADR_only_pcreladdr:
                decoded = Immediate(HotOp.Adr, Destination(Rd(word)), 0, Interpreter.AdrOffset(word));
                return true;
            case Opcode.ADRP_only_pcreladdr:
                decoded = Immediate(HotOp.Adrp, Destination(Rd(word)), 0, Interpreter.AdrpOffset(word));
                return true;
            case Opcode.ADD_64_addsub_imm when Interpreter.AddSubImmediate(word) == 0:
                decoded = Immediate(HotOp.Move64, RegisterOrSp(Rd(word)), RegisterOrSp(Rn(word)), 0);
                return true;
            case Opcode.ADD_32_addsub_imm:
                decoded = Immediate(HotOp.AddImmediate32, RegisterOrSp(Rd(word)), RegisterOrSp(Rn(word)), Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.ADD_64_addsub_imm:
                decoded = Immediate(HotOp.AddImmediate64, RegisterOrSp(Rd(word)), RegisterOrSp(Rn(word)), Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.SUB_32_addsub_imm:
                decoded = Immediate(HotOp.AddImmediate32, RegisterOrSp(Rd(word)), RegisterOrSp(Rn(word)), 0 - Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.SUB_64_addsub_imm:
                decoded = Immediate(HotOp.AddImmediate64, RegisterOrSp(Rd(word)), RegisterOrSp(Rn(word)), 0 - Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.ADDS_32S_addsub_imm:
                decoded = Immediate(HotOp.AddsImmediate32, Destination(Rd(word)), RegisterOrSp(Rn(word)), Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.ADDS_64S_addsub_imm:
                decoded = Immediate(HotOp.AddsImmediate64, Destination(Rd(word)), RegisterOrSp(Rn(word)), Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.SUBS_32S_addsub_imm:
                decoded = Immediate(HotOp.SubsImmediate32, Destination(Rd(word)), RegisterOrSp(Rn(word)), ~Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.SUBS_64S_addsub_imm:
                decoded = Immediate(HotOp.SubsImmediate64, Destination(Rd(word)), RegisterOrSp(Rn(word)), ~Interpreter.AddSubImmediate(word));
                return true;
            case Opcode.MOVZ_32_movewide or Opcode.MOVZ_64_movewide:
                decoded = Immediate(HotOp.MoveImmediate, Destination(Rd(word)), 0, Interpreter.MoveWideImmediate(word));
                return true;
            case Opcode.MOVN_32_movewide:
                decoded = Immediate(HotOp.MoveImmediate, Destination(Rd(word)), 0, (uint)~Interpreter.MoveWideImmediate(word));
                return true;
            case Opcode.MOVN_64_movewide:
                decoded = Immediate(HotOp.MoveImmediate, Destination(Rd(word)), 0, ~Interpreter.MoveWideImmediate(word));
                return true;
            case Opcode.MOVK_32_movewide when Rd(word) != 31:
                decoded = Immediate(HotOp.MoveKeep32, (byte)Rd(word), 0, Interpreter.MoveWideImmediate(word), Interpreter.MoveWideShift(word));
                return true;
            case Opcode.MOVK_64_movewide when Rd(word) != 31:
                decoded = Immediate(HotOp.MoveKeep64, (byte)Rd(word), 0, Interpreter.MoveWideImmediate(word), Interpreter.MoveWideShift(word));
                return true;
            case Opcode.AND_32_log_imm or Opcode.ORR_32_log_imm or Opcode.EOR_32_log_imm or Opcode.ANDS_32S_log_imm
                or Opcode.AND_64_log_imm or Opcode.ORR_64_log_imm or Opcode.EOR_64_log_imm or Opcode.ANDS_64S_log_imm:
                return TryLogicalImmediate(opcode, word, out decoded);
            case Opcode.UBFM_32M_bitfield:
                return TryUnsignedBitfield<uint>(word, out decoded);
            case Opcode.UBFM_64M_bitfield:
                return TryUnsignedBitfield<ulong>(word, out decoded);
            case Opcode.SBFM_32M_bitfield:
                return TrySignedBitfield(HotOp.SignedField32, word, out decoded);
            case Opcode.SBFM_64M_bitfield:
                return TrySignedBitfield(HotOp.SignedField64, word, out decoded);
            case Opcode.BFM_32M_bitfield when Rd(word) != 31:
                decoded = InsertField<uint>(HotOp.InsertField32, word);
                return true;
            case Opcode.BFM_64M_bitfield when Rd(word) != 31:
                decoded = InsertField<ulong>(HotOp.InsertField64, word);
                return true;
            case Opcode.EXTR_32_extract:
                decoded = Registers(HotOp.Extract32, word, (byte)Imm6(word));
                return true;
            case Opcode.EXTR_64_extract when Imm6(word) != 0:
                decoded = Registers(HotOp.Extract64, word, (byte)Imm6(word));
                return true;
            default:
                return false;
        }
    }

    private bool TryLogicalImmediate(Opcode opcode, uint word, out DecodedInstruction decoded)
    {
        var mask = BitMasks.Decode(word >> 10 & 0x1fff);
        var code = opcode switch
        {
            Opcode.AND_32_log_imm or Opcode.AND_64_log_imm => HotOp.AndImmediate,
            Opcode.ORR_32_log_imm => HotOp.OrrImmediate32,
            Opcode.ORR_64_log_imm => HotOp.OrrImmediate64,
            Opcode.EOR_32_log_imm => HotOp.EorImmediate32,
            Opcode.EOR_64_log_imm => HotOp.EorImmediate64,
            Opcode.ANDS_32S_log_imm => HotOp.AndsImmediate32,
            _ => HotOp.AndsImmediate64,
        };
        var setsFlags = code is HotOp.AndsImmediate32 or HotOp.AndsImmediate64;
        if ((word >> 31) == 0)
            mask = (uint)mask;
        decoded = Immediate(code, setsFlags ? Destination(Rd(word)) : RegisterOrSp(Rd(word)), (byte)Rn(word), mask);
        if (mask != 0 && Rn(word) == 31 && code is HotOp.OrrImmediate32 or HotOp.OrrImmediate64)
            decoded.Code = HotOp.MoveImmediate;
        return mask != 0;
    }

    private static bool TryUnsignedBitfield<T>(uint word, out DecodedInstruction decoded)
    {
        var field = Bitfield.Of<T>(Interpreter.BitfieldRotate(word), Imm6(word));
        decoded = Immediate(field.IsExtract ? HotOp.ExtractField : HotOp.PlaceField, Destination(Rd(word)), (byte)Rn(word), field.Mask, field.Shift);
        return true;
    }

    private static bool TrySignedBitfield(HotOp code, uint word, out DecodedInstruction decoded)
    {
        var rotate = Interpreter.BitfieldRotate(word);
        var top = Imm6(word);
        decoded = Immediate(code, Destination(Rd(word)), (byte)Rn(word), 0, 63 - top);
        decoded.A = (byte)(63 - top + rotate);
        return top >= rotate;
    }

    private static DecodedInstruction InsertField<T>(HotOp code, uint word)
    {
        var field = Bitfield.Of<T>(Interpreter.BitfieldRotate(word), Imm6(word));
        return Immediate(code, (byte)Rd(word), (byte)Rn(word), field.Mask, field.IsExtract ? field.Shift : (64 - field.Shift) & 63);
    }

    private static DecodedInstruction Immediate(HotOp code, byte d, byte n, ulong immediate, int m = 0) =>
        new() { Code = code, D = d, N = n, M = (byte)m, Immediate = immediate };

    /// <summary>Rd, Rn and Rm, none of which is SP, with a shift amount and a kind of shift.</summary>
    private static DecodedInstruction Registers(HotOp code, uint word, byte shift = 0, byte a = 0) =>
        new() { Code = code, D = Destination(Rd(word)), N = (byte)Rn(word), M = (byte)Rm(word), A = a, Shift = shift };
}
