using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Execution of decoded blocks: one switch over pre-decoded operations, which goes from block to block through links and leaves
/// everything rare to the rows' methods and to <c>RunBlocks</c>.
/// </summary>
/// <remarks>
/// RyuJIT compiles a method without optimisation above 60,000 bytes of IL or 2,000 basic blocks; a test watches that this one stays
/// below. PC is held as <c>pcBase + op / 4</c> (an operation has 16 bytes, an instruction 4) and stored only where someone may look.
/// </remarks>
public sealed unsafe partial class Interpreter
{
    private readonly delegate*<Interpreter, uint, StepResult>* _rows = HandlerTable.Entries;

    /// <summary>Instructions that the dispatch loop may still execute before it returns.</summary>
    private long _slice;

    /// <summary>
    /// The link that led to the PC that the dispatch loop returned with, to be set when the block there is known; or null. Whatever
    /// changes PC or drops blocks in between makes it null, because links within a page are followed without a check.
    /// </summary>
    private Block** _unresolved;

    /// <summary>Executes <paramref name="block"/>, which is the one at PC, and what follows it, until something needs a closer look.</summary>
    /// <returns>
    /// Branch: PC is set and says where to go on. Anything else as a semantics method returns it, with PC at that instruction.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private StepResult ExecuteBlocks(Block* block)
    {
        var x = Cpu->X;
        var table = _data;
        var slice = _slice - block->Count;
        var op = Block.Instructions(block);
        var pcBase = Cpu->Pc - ((ulong)op >> 2);
        ulong pc;
        uint taken;
        Block** slot;
        StepResult result;

    Dispatch:
        switch (op->Code)
        {
            case HotOp.Row:
                State(x)->Pc = pcBase + ((ulong)op >> 2);
                result = op->Handler(this, op->Word);
                if (result != StepResult.Next)
                    goto Left;
                break;
            case HotOp.Nop:
                break;
            case HotOp.MoveImmediate:
                x[op->D] = op->Immediate;
                break;
            case HotOp.Move64:
                x[op->D] = x[op->N];
                break;
            case HotOp.Move32:
                x[op->D] = (uint)x[op->N];
                break;
            case HotOp.MoveKeep64:
                x[op->D] = (x[op->D] & ~(0xffffUL << op->M)) | op->Immediate;
                break;
            case HotOp.MoveKeep32:
                x[op->D] = (uint)((x[op->D] & ~(0xffffUL << op->M)) | op->Immediate);
                break;
            case HotOp.Adr:
                x[op->D] = pcBase + ((ulong)op >> 2) + op->Immediate;
                break;
            case HotOp.Adrp:
                x[op->D] = ((pcBase + ((ulong)op >> 2)) & ~0xfffUL) + op->Immediate;
                break;
            case HotOp.AddImmediate64:
                x[op->D] = x[op->N] + op->Immediate;
                break;
            case HotOp.AddImmediate32:
                x[op->D] = (uint)(x[op->N] + op->Immediate);
                break;
            case HotOp.AddsImmediate64:
                x[op->D] = Flags.AddWithCarry(x[op->N], op->Immediate, 0, out State(x)->Nzcv);
                break;
            case HotOp.AddsImmediate32:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], (uint)op->Immediate, 0, out State(x)->Nzcv);
                break;
            case HotOp.SubsImmediate64:
                x[op->D] = Flags.AddWithCarry(x[op->N], op->Immediate, 1, out State(x)->Nzcv);
                break;
            case HotOp.SubsImmediate64ThenBranch:
                x[op->D] = Flags.AddWithCarry(x[op->N], op->Immediate, 1, out State(x)->Nzcv);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.SubsImmediate32:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], (uint)op->Immediate, 1, out State(x)->Nzcv);
                break;
            case HotOp.SubsImmediate32ThenBranch:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], (uint)op->Immediate, 1, out State(x)->Nzcv);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.AndImmediate:
                x[op->D] = x[op->N] & op->Immediate;
                break;
            case HotOp.OrrImmediate64:
                x[op->D] = x[op->N] | op->Immediate;
                break;
            case HotOp.OrrImmediate32:
                x[op->D] = (uint)(x[op->N] | op->Immediate);
                break;
            case HotOp.EorImmediate64:
                x[op->D] = x[op->N] ^ op->Immediate;
                break;
            case HotOp.EorImmediate32:
                x[op->D] = (uint)(x[op->N] ^ op->Immediate);
                break;
            case HotOp.AndsImmediate64:
                State(x)->Nzcv = Flags.Logical(x[op->D] = x[op->N] & op->Immediate);
                break;
            case HotOp.AndsImmediate64ThenBranch:
                State(x)->Nzcv = Flags.Logical(x[op->D] = x[op->N] & op->Immediate);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.AndsImmediate32:
                x[op->D] = Nzcv32(x, (uint)(x[op->N] & op->Immediate));
                break;
            case HotOp.AndsImmediate32ThenBranch:
                x[op->D] = Nzcv32(x, (uint)(x[op->N] & op->Immediate));
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.Add64:
                x[op->D] = x[op->N] + x[op->M];
                break;
            case HotOp.Add32:
                x[op->D] = (uint)(x[op->N] + x[op->M]);
                break;
            case HotOp.Adds64:
                x[op->D] = Flags.AddWithCarry(x[op->N], x[op->M], 0, out State(x)->Nzcv);
                break;
            case HotOp.Adds32:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], (uint)x[op->M], 0, out State(x)->Nzcv);
                break;
            case HotOp.Sub64:
                x[op->D] = x[op->N] - x[op->M];
                break;
            case HotOp.Sub32:
                x[op->D] = (uint)(x[op->N] - x[op->M]);
                break;
            case HotOp.Subs64:
                x[op->D] = Flags.AddWithCarry(x[op->N], ~x[op->M], 1, out State(x)->Nzcv);
                break;
            case HotOp.Subs64ThenBranch:
                x[op->D] = Flags.AddWithCarry(x[op->N], ~x[op->M], 1, out State(x)->Nzcv);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.Subs32:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], ~(uint)x[op->M], 1, out State(x)->Nzcv);
                break;
            case HotOp.Subs32ThenBranch:
                x[op->D] = Flags.AddWithCarry((uint)x[op->N], ~(uint)x[op->M], 1, out State(x)->Nzcv);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.And64:
                x[op->D] = x[op->N] & x[op->M];
                break;
            case HotOp.And32:
                x[op->D] = (uint)(x[op->N] & x[op->M]);
                break;
            case HotOp.Bic64:
                x[op->D] = x[op->N] & ~x[op->M];
                break;
            case HotOp.Bic32:
                x[op->D] = (uint)(x[op->N] & ~x[op->M]);
                break;
            case HotOp.Orr64:
                x[op->D] = x[op->N] | x[op->M];
                break;
            case HotOp.Orr32:
                x[op->D] = (uint)(x[op->N] | x[op->M]);
                break;
            case HotOp.Orn64:
                x[op->D] = x[op->N] | ~x[op->M];
                break;
            case HotOp.Orn32:
                x[op->D] = (uint)(x[op->N] | ~x[op->M]);
                break;
            case HotOp.Eor64:
                x[op->D] = x[op->N] ^ x[op->M];
                break;
            case HotOp.Eor32:
                x[op->D] = (uint)(x[op->N] ^ x[op->M]);
                break;
            case HotOp.Ands64:
                State(x)->Nzcv = Flags.Logical(x[op->D] = x[op->N] & x[op->M]);
                break;
            case HotOp.Ands64ThenBranch:
                State(x)->Nzcv = Flags.Logical(x[op->D] = x[op->N] & x[op->M]);
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.Ands32:
                x[op->D] = Nzcv32(x, (uint)(x[op->N] & x[op->M]));
                break;
            case HotOp.Ands32ThenBranch:
                x[op->D] = Nzcv32(x, (uint)(x[op->N] & x[op->M]));
                op++;
                goto case HotOp.BranchConditional;
            case HotOp.AddShifted64:
                x[op->D] = x[op->N] + Width.Shift<ulong>(x[op->M], op->A, op->Shift);
                break;
            case HotOp.AddShifted32:
                x[op->D] = (uint)(x[op->N] + Width.Shift<uint>(x[op->M], op->A, op->Shift));
                break;
            case HotOp.SubShifted64:
                x[op->D] = x[op->N] - Width.Shift<ulong>(x[op->M], op->A, op->Shift);
                break;
            case HotOp.SubShifted32:
                x[op->D] = (uint)(x[op->N] - Width.Shift<uint>(x[op->M], op->A, op->Shift));
                break;
            case HotOp.AndShifted64:
                x[op->D] = x[op->N] & Width.Shift<ulong>(x[op->M], op->A, op->Shift);
                break;
            case HotOp.AndShifted32:
                x[op->D] = (uint)(x[op->N] & Width.Shift<uint>(x[op->M], op->A, op->Shift));
                break;
            case HotOp.OrrShifted64:
                x[op->D] = x[op->N] | Width.Shift<ulong>(x[op->M], op->A, op->Shift);
                break;
            case HotOp.OrrShifted32:
                x[op->D] = (uint)(x[op->N] | Width.Shift<uint>(x[op->M], op->A, op->Shift));
                break;
            case HotOp.EorShifted64:
                x[op->D] = x[op->N] ^ Width.Shift<ulong>(x[op->M], op->A, op->Shift);
                break;
            case HotOp.EorShifted32:
                x[op->D] = (uint)(x[op->N] ^ Width.Shift<uint>(x[op->M], op->A, op->Shift));
                break;
            case HotOp.AddExtended64:
                x[op->D] = x[op->N] + Width.Extend(x[op->M], op->A, op->Shift);
                break;
            case HotOp.SubExtended64:
                x[op->D] = x[op->N] - Width.Extend(x[op->M], op->A, op->Shift);
                break;
            case HotOp.ExtractField:
                x[op->D] = (x[op->N] >> op->M) & op->Immediate;
                break;
            case HotOp.PlaceField:
                x[op->D] = (x[op->N] << op->M) & op->Immediate;
                break;
            case HotOp.SignedField64:
                x[op->D] = (ulong)((long)(x[op->N] << op->M) >> op->A);
                break;
            case HotOp.SignedField32:
                x[op->D] = (uint)((long)(x[op->N] << op->M) >> op->A);
                break;
            case HotOp.InsertField64:
                x[op->D] = (x[op->D] & ~op->Immediate) | (ulong.RotateRight(x[op->N], op->M) & op->Immediate);
                break;
            case HotOp.InsertField32:
                x[op->D] = (uint)((x[op->D] & ~op->Immediate) | (ulong.RotateRight(x[op->N], op->M) & op->Immediate));
                break;
            case HotOp.Extract64:
                x[op->D] = (x[op->N] << (64 - op->Shift)) | (x[op->M] >> op->Shift);
                break;
            case HotOp.Extract32:
                x[op->D] = (uint)(((x[op->N] << 32) | (uint)x[op->M]) >> op->Shift);
                break;
            case HotOp.Csel64:
                x[op->D] = Select(x, op, x[op->M]);
                break;
            case HotOp.Csel32:
                x[op->D] = (uint)Select(x, op, x[op->M]);
                break;
            case HotOp.Csinc64:
                x[op->D] = Select(x, op, x[op->M] + 1);
                break;
            case HotOp.Csinc32:
                x[op->D] = (uint)Select(x, op, x[op->M] + 1);
                break;
            case HotOp.Csinv64:
                x[op->D] = Select(x, op, ~x[op->M]);
                break;
            case HotOp.Csinv32:
                x[op->D] = (uint)Select(x, op, ~x[op->M]);
                break;
            case HotOp.Csneg64:
                x[op->D] = Select(x, op, 0 - x[op->M]);
                break;
            case HotOp.Csneg32:
                x[op->D] = (uint)Select(x, op, 0 - x[op->M]);
                break;
            case HotOp.CcmpRegister64:
                ConditionalCompare<ulong>(x, op, ~x[op->M]);
                break;
            case HotOp.CcmpRegister32:
                ConditionalCompare<uint>(x, op, ~x[op->M]);
                break;
            case HotOp.CcmpImmediate64:
                ConditionalCompare<ulong>(x, op, ~(ulong)op->M);
                break;
            case HotOp.CcmpImmediate32:
                ConditionalCompare<uint>(x, op, ~(ulong)op->M);
                break;
            case HotOp.Madd64:
                x[op->D] = x[op->A] + (x[op->N] * x[op->M]);
                break;
            case HotOp.Madd32:
                x[op->D] = (uint)(x[op->A] + (x[op->N] * x[op->M]));
                break;
            case HotOp.Msub64:
                x[op->D] = x[op->A] - (x[op->N] * x[op->M]);
                break;
            case HotOp.Msub32:
                x[op->D] = (uint)(x[op->A] - (x[op->N] * x[op->M]));
                break;
            case HotOp.Smaddl:
                x[op->D] = x[op->A] + (ulong)((long)(int)x[op->N] * (int)x[op->M]);
                break;
            case HotOp.Umaddl:
                x[op->D] = x[op->A] + ((ulong)(uint)x[op->N] * (uint)x[op->M]);
                break;
            case HotOp.Umulh:
                x[op->D] = Math.BigMul(x[op->N], x[op->M], out _);
                break;
            case HotOp.Udiv64:
                x[op->D] = UnsignedQuotient<ulong>(x[op->N], x[op->M]);
                break;
            case HotOp.Udiv32:
                x[op->D] = UnsignedQuotient<uint>(x[op->N], x[op->M]);
                break;
            case HotOp.Sdiv64:
                x[op->D] = SignedQuotient<ulong>(x[op->N], x[op->M]);
                break;
            case HotOp.Sdiv32:
                x[op->D] = SignedQuotient<uint>(x[op->N], x[op->M]);
                break;
            case HotOp.Lslv64:
                x[op->D] = Width.Shift<ulong>(x[op->N], 0, (int)x[op->M] & 63);
                break;
            case HotOp.Lslv32:
                x[op->D] = Width.Shift<uint>(x[op->N], 0, (int)x[op->M] & 31);
                break;
            case HotOp.Lsrv64:
                x[op->D] = Width.Shift<ulong>(x[op->N], 1, (int)x[op->M] & 63);
                break;
            case HotOp.Lsrv32:
                x[op->D] = Width.Shift<uint>(x[op->N], 1, (int)x[op->M] & 31);
                break;
            case HotOp.Asrv64:
                x[op->D] = Width.Shift<ulong>(x[op->N], 2, (int)x[op->M] & 63);
                break;
            case HotOp.Asrv32:
                x[op->D] = Width.Shift<uint>(x[op->N], 2, (int)x[op->M] & 31);
                break;
            case HotOp.Clz64:
                x[op->D] = (ulong)BitOperations.LeadingZeroCount(x[op->N]);
                break;
            case HotOp.Clz32:
                x[op->D] = (ulong)BitOperations.LeadingZeroCount((uint)x[op->N]);
                break;
            case HotOp.Rev64:
                x[op->D] = BinaryPrimitives.ReverseEndianness(x[op->N]);
                break;
            case HotOp.Rev32:
                x[op->D] = BinaryPrimitives.ReverseEndianness((uint)x[op->N]);
                break;
            case HotOp.ReadField64:
                x[op->D] = *(ulong*)((byte*)x + op->Immediate);
                break;
            case HotOp.ReadField32:
                x[op->D] = *(uint*)((byte*)x + op->Immediate);
                break;
            case HotOp.Continue:
                pc = pcBase + ((ulong)op >> 2);
                slot = &((BlockLinks*)(op + 1))->Taken;
                goto Direct;
            case HotOp.Branch:
                taken = 1;
                goto Conditional;
            case HotOp.BranchLink:
                x[30] = pcBase + ((ulong)op >> 2) + 4;
                taken = 1;
                goto Conditional;
            case HotOp.BranchConditional:
                taken = Flags.Holds(op->Condition, State(x)->Nzcv);
                goto Conditional;
            case HotOp.BranchZero64:
                taken = Unsafe.BitCast<bool, byte>(x[op->D] == 0);
                goto Conditional;
            case HotOp.BranchZero32:
                taken = Unsafe.BitCast<bool, byte>((uint)x[op->D] == 0);
                goto Conditional;
            case HotOp.BranchNonzero64:
                taken = Unsafe.BitCast<bool, byte>(x[op->D] != 0);
                goto Conditional;
            case HotOp.BranchNonzero32:
                taken = Unsafe.BitCast<bool, byte>((uint)x[op->D] != 0);
                goto Conditional;
            case HotOp.BranchBitClear:
                taken = ~(uint)(x[op->D] >> op->M) & 1;
                goto Conditional;
            case HotOp.BranchBitSet:
                taken = (uint)(x[op->D] >> op->M) & 1;
                goto Conditional;
            case HotOp.BranchRegister:
                pc = BranchAddress(x[op->N]);
                goto Indirect;
            case HotOp.BranchLinkRegister:
                pc = BranchAddress(x[op->N]);
                x[30] = pcBase + ((ulong)op >> 2) + 4;
                goto Indirect;
            case HotOp.Load64:
                if (!HotMemory.LoadOffset<ulong, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.Load32:
                if (!HotMemory.LoadOffset<uint, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.Load16:
                if (!HotMemory.LoadOffset<ushort, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.Load8:
                if (!HotMemory.LoadOffset<byte, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadSigned32:
                if (!HotMemory.LoadOffset<int, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadSigned16To64:
                if (!HotMemory.LoadOffset<short, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadSigned16To32:
                if (!HotMemory.LoadOffset<short, uint>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadSigned8To64:
                if (!HotMemory.LoadOffset<sbyte, ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadSigned8To32:
                if (!HotMemory.LoadOffset<sbyte, uint>(x, op, table)) goto Slow;
                break;
            case HotOp.Store64:
                if (!HotMemory.StoreOffset<ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.Store32:
                if (!HotMemory.StoreOffset<uint>(x, op, table)) goto Slow;
                break;
            case HotOp.Store16:
                if (!HotMemory.StoreOffset<ushort>(x, op, table)) goto Slow;
                break;
            case HotOp.Store8:
                if (!HotMemory.StoreOffset<byte>(x, op, table)) goto Slow;
                break;
            case HotOp.Load64Post:
                if (!HotMemory.LoadUpdating<ulong>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Store64Post:
                if (!HotMemory.StoreUpdating<ulong>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Load32Post:
                if (!HotMemory.LoadUpdating<uint>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Store32Post:
                if (!HotMemory.StoreUpdating<uint>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Load16Post:
                if (!HotMemory.LoadUpdating<ushort>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Store16Post:
                if (!HotMemory.StoreUpdating<ushort>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Load8Post:
                if (!HotMemory.LoadUpdating<byte>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Store8Post:
                if (!HotMemory.StoreUpdating<byte>(x, op, table, 0)) goto Slow;
                break;
            case HotOp.Load64Pre:
                if (!HotMemory.LoadUpdating<ulong>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Store64Pre:
                if (!HotMemory.StoreUpdating<ulong>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Load32Pre:
                if (!HotMemory.LoadUpdating<uint>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Store32Pre:
                if (!HotMemory.StoreUpdating<uint>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Load8Pre:
                if (!HotMemory.LoadUpdating<byte>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Store8Pre:
                if (!HotMemory.StoreUpdating<byte>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.Load64Indexed:
                if (!HotMemory.Load<ulong, ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Load32Indexed:
                if (!HotMemory.Load<uint, ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Load16Indexed:
                if (!HotMemory.Load<ushort, ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Load8Indexed:
                if (!HotMemory.Load<byte, ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.LoadSigned32Indexed:
                if (!HotMemory.Load<int, ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Store64Indexed:
                if (!HotMemory.Store<ulong>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Store32Indexed:
                if (!HotMemory.Store<uint>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Store16Indexed:
                if (!HotMemory.Store<ushort>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.Store8Indexed:
                if (!HotMemory.Store<byte>(x, op, table, HotMemory.Indexed(x, op))) goto Slow;
                break;
            case HotOp.LoadPair64:
                if (!HotMemory.LoadPair<ulong>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.StorePair64:
                if (!HotMemory.StorePair<ulong>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.LoadPair32:
                if (!HotMemory.LoadPair<uint>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.StorePair32:
                if (!HotMemory.StorePair<uint>(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.LoadPair64Post:
                if (!HotMemory.LoadPairUpdating(x, op, table, 0)) goto Slow;
                break;
            case HotOp.StorePair64Post:
                if (!HotMemory.StorePairUpdating(x, op, table, 0)) goto Slow;
                break;
            case HotOp.LoadPair64Pre:
                if (!HotMemory.LoadPairUpdating(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.StorePair64Pre:
                if (!HotMemory.StorePairUpdating(x, op, table, (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.LoadLiteral64:
                if (!HotMemory.Load<ulong, ulong>(x, op, table, pcBase + ((ulong)op >> 2) + (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.LoadLiteral32:
                if (!HotMemory.Load<uint, ulong>(x, op, table, pcBase + ((ulong)op >> 2) + (ulong)op->Offset)) goto Slow;
                break;
            case HotOp.LoadVector128:
                if (!_fpEnabled || !HotMemory.LoadVector<UInt128>(x, op, table, _writtenBytes)) goto Slow;
                break;
            case HotOp.StoreVector128:
                if (!_fpEnabled || !HotMemory.StoreVector<UInt128>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadVector64:
                if (!_fpEnabled || !HotMemory.LoadVector<ulong>(x, op, table, _writtenBytes)) goto Slow;
                break;
            case HotOp.StoreVector64:
                if (!_fpEnabled || !HotMemory.StoreVector<ulong>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadVector32:
                if (!_fpEnabled || !HotMemory.LoadVector<uint>(x, op, table, _writtenBytes)) goto Slow;
                break;
            case HotOp.StoreVector32:
                if (!_fpEnabled || !HotMemory.StoreVector<uint>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadVectorPair128:
                if (!_fpEnabled || !HotMemory.LoadVectorPair<UInt128>(x, op, table, _writtenBytes)) goto Slow;
                break;
            case HotOp.StoreVectorPair128:
                if (!_fpEnabled || !HotMemory.StoreVectorPair<UInt128>(x, op, table)) goto Slow;
                break;
            case HotOp.LoadVectorPair64:
                if (!_fpEnabled || !HotMemory.LoadVectorPair<ulong>(x, op, table, _writtenBytes)) goto Slow;
                break;
            case HotOp.StoreVectorPair64:
                if (!_fpEnabled || !HotMemory.StoreVectorPair<ulong>(x, op, table)) goto Slow;
                break;
        }

        op++;
        goto Dispatch;

    Slow:
        State(x)->Pc = pcBase + ((ulong)op >> 2);
        result = _rows[op->Row](this, op->Word);
        if (result == StepResult.Next)
        {
            op++;
            goto Dispatch;
        }

    Left:
        if (result != StepResult.Branch || _modeStale || State(x)->Btype != 0)
        {
            _slice = slice + block->Count - (op - Block.Instructions(block) + 1);
            _unresolved = null;
            return result;
        }

        pc = State(x)->Pc;

    Indirect:
        var next = _blocks.GuessJump(pc | _modeBits);
        slot = null;
        if ((next->Refused & op->M) != 0)
            goto Unresolved;
        goto Checked;

    Conditional:
        pc = pcBase + ((ulong)op >> 2) + 4 + (((ulong)op->Offset - 4) & (0 - (ulong)taken));
        slot = &((BlockLinks*)(op + 1))->NotTaken - taken;

    Direct:
        next = *slot;
        if (op->A == 0)
            goto Follow;

    Checked:
        // Another page: the link or guess holds as long as the page is still mapped to the same memory in the same way.
        var entry = Tlb.Entry(table, pc);
        if (entry->FetchTag != ((pc & Tlb.PageMask) | next->Guarded) || next->Host != (byte*)(pc + (ulong)entry->Addend))
            goto Unresolved;

    Follow:
        // Attention comes first: it is also how a dropped arena announces itself.
        if (Volatile.Read(ref _attention) == 0 && Volatile.Read(ref *next->CurrentStamp) == next->Stamp && slice > 0)
        {
            block = next;
            slice -= next->Count;
            op = Block.Instructions(next);
            pcBase = pc - ((ulong)op >> 2);
            goto Dispatch;
        }

    Unresolved:
        State(x)->Pc = pc;
        if (slot == null)
            State(x)->Btype = op->D;
        _slice = slice;
        _unresolved = slot;
        return StepResult.Branch;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static CpuState* State(ulong* x) => (CpuState*)x;

    /// <summary>Sets the flags of a 32-bit logical operation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Nzcv32(ulong* x, uint result)
    {
        State(x)->Nzcv = Flags.Logical(result);
        return result;
    }

    /// <summary>Xn if the condition holds, else <paramref name="otherwise"/>; without a branch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Select(ulong* x, DecodedInstruction* op, ulong otherwise) =>
        otherwise ^ ((x[op->N] ^ otherwise) & (0 - (ulong)Flags.Holds(op->Condition, State(x)->Nzcv)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ConditionalCompare<T>(ulong* x, DecodedInstruction* op, ulong inverted) =>
        State(x)->Nzcv = ConditionalFlags<T>(Flags.Holds(op->Condition, State(x)->Nzcv) != 0, x[op->N], inverted, 1, op->A);
}
