using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Instruction fetch and decoding of blocks.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Most instructions in a block: bounds how far Run overshoots its budget and how late it sees an interrupt.</summary>
    internal const int MaximumBlockLength = 64;

    /// <summary>
    /// The block at PC. Null when the fetch failed; <see cref="FaultResult"/> then says whether an exception was taken or Run is to
    /// be left.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Block* FindBlock()
    {
        var pc = Cpu->Pc;
        if (!TryFetch(pc, out var code))
            return null;
        var mode = ExecutionMode.Of(Cpu);
        var offset = _memory.AddressOf(code) - _memory.Base;
        var block = _blocks.Find(mode.Key(offset), _memory.CodePages);
        if (block == null)
            block = Decode(code, offset, mode);
        _blocks.RememberJump(mode.Key(pc) ^ _jumpSalt, pc, block);
        return block;
    }

    private Block* Decode(byte* code, ulong offset, ExecutionMode mode)
    {
        // The stamp is taken before the words are read: a change in between leaves the block stale, not wrong.
        var stamp = _memory.CodePages.MarkCode(offset);
        var limit = Math.Min(MaximumBlockLength, (int)(((~offset & ~Tlb.PageMask) + 1) / 4));
        var block = _blocks.Reserve(limit);
        var instructions = Block.Instructions(block);
        var count = 0;
        while (count < limit)
        {
            var word = Volatile.Read(ref ((uint*)code)[count]);
            var opcode = DecodeGated(word);
            instructions[count++] = new DecodedInstruction { Handler = HandlerTable.Entries[(int)opcode], Word = word };
            if (opcode == Opcode.UNALLOCATED || EndsBlock(word))
                break;
        }

        block->Key = mode.Key(offset);
        block->Stamp = stamp;
        block->Count = count;
        _blocks.Commit(block);
        Counters.BlocksDecoded++;
        Counters.InstructionsDecoded += count;
        return block;
    }

    private Opcode DecodeGated(uint word)
    {
        var opcode = Decoder.Decode(word);
        return _domain.Features.Has(Decoder.FeatureOf(opcode)) ? opcode : Opcode.UNALLOCATED;
    }

    // Bits 28:26 of 101 are branches, exception generation and system instructions. Only the last go on to the next instruction,
    // and those that must not say so when they execute.
    private static bool EndsBlock(uint word) => (word >> 26 & 7) == 5 && word >> 22 != 0b11_0101_0100;

    /// <summary>Host address of the instruction at <paramref name="pc"/>.</summary>
    private bool TryFetch(ulong pc, out byte* code)
    {
        code = null;
        if ((pc & 3) != 0)
        {
            FaultResult = TakeException(ExceptionClass.PcAlignment, 0, pc, pc);
            return false;
        }

        var entry = _data + ((pc >> Tlb.PageShift) & (Tlb.Size - 1));
        if (entry->FetchTag == (pc & Tlb.PageMask))
        {
            code = (byte*)(pc + (ulong)entry->Addend);
            return true;
        }

        return TryFetchSlow(pc, out code);
    }

    private bool TryFetchSlow(ulong pc, out byte* code)
    {
        code = null;
        Counters.TlbMisses++;
        var exceptionClass = Cpu->El == 0 ? ExceptionClass.InstructionAbortLower : ExceptionClass.InstructionAbortSame;
        if (!Stage1Walker.TryTranslate(Cpu, _memory, pc, _mmuIndex, AccessKind.Fetch, out var translation, out var status))
        {
            FaultResult = TakeException(exceptionClass, status, pc, pc);
            return false;
        }

        if (!translation.CanFetch)
        {
            FaultResult = TakeException(exceptionClass, FaultStatus.Permission | (uint)translation.Level, pc, pc);
            return false;
        }

        if (!_memory.TryAcquireRead(translation.Ipa & Tlb.PageMask, 1 << Tlb.PageShift, out var host))
        {
            const uint StageTwoTranslation = FaultStatus.Translation | 1;
            FaultResult = LeaveRun(
                ExitReason.InstructionAbort, ExceptionClass.Syndrome(ExceptionClass.InstructionAbortLower, StageTwoTranslation));
            Cpu->Exit.Far = pc;
            Cpu->Exit.Ipa = translation.Ipa;
            return false;
        }

        Refill(pc, AccessKind.Fetch, _mmuIndex, host, in translation);
        code = host + (pc & ~Tlb.PageMask);
        return true;
    }
}
