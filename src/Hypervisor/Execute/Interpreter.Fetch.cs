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
    /// The block at PC; the link that led here, if any, is set to it. Null when the fetch failed; <see cref="FaultResult"/> then says
    /// whether an exception was taken or Run is to be left.
    /// </summary>
    private Block* FindBlock()
    {
        var link = _unresolved;
        _unresolved = null;
        var pc = Cpu->Pc;
        if (!TryFetch(pc, out var code, out var guarded))
            return null;
        var mode = ExecutionMode.Of(Cpu);
        var virtualKey = mode.Key(pc);
        mode = mode.InPage(guarded);
        var block = _blocks.GuessJump(virtualKey);
        if (block->Host != code || Volatile.Read(ref *block->CurrentStamp) != block->Stamp || block->Guarded != 0 != guarded)
        {
            var generation = _blocks.Generation;
            var offset = _memory.AddressOf(code) - _memory.Base;
            block = _blocks.Find(mode.Key(offset));
            if (block == null)
                block = Decode(code, offset, mode);
            _blocks.RememberJump(virtualKey, block);
            if (generation != _blocks.Generation)
                link = null;
        }

        if (link != null)
            *link = block;
        return Cpu->Btype == 0 || TryLand(Block.Instructions(block)->Word, guarded) ? block : null;
    }

    private Block* Decode(byte* code, ulong offset, ExecutionMode mode)
    {
        // The stamp is taken before the words are read: a change in between leaves the block stale, not wrong.
        var stamp = _memory.CodePages.MarkCode(offset);
        var limit = Math.Min(MaximumBlockLength, (int)(((~offset & ~Tlb.PageMask) + 1) / 4));
        var block = _blocks.Reserve(limit + 2);
        var instructions = Block.Instructions(block);
        var predecoder = new Predecoder(mode, _hasBranchTargets);
        var count = 0;
        var ends = false;
        while (count < limit && !ends)
        {
            var word = Volatile.Read(ref ((uint*)code)[count]);
            var opcode = DecodeGated(word);
            instructions[count] = _debugger is { } debugger && debugger.MayBreakAt(offset + ((ulong)count * 4))
                ? new DecodedInstruction { Code = HotOp.Row, Word = word, Handler = &MayBreak }
                : predecoder.Predecode(opcode, word);
            ends = opcode == Opcode.UNALLOCATED || EndsBlock(word);
            count++;
        }

        var slots = count;
        var last = instructions + count - 1;
        if (!Predecoder.HasLinks(last->Code))
        {
            // What follows also when a method that should branch says Next.
            last++;
            slots++;
            *last = new DecodedInstruction { Code = HotOp.Continue };
        }
        else if (last->Code == HotOp.BranchConditional && count > 1)
        {
            last[-1].Code = Predecoder.BeforeBranch(last[-1].Code);
        }

        *(BlockLinks*)(last + 1) = new BlockLinks { Taken = _blocks.Unlinked, NotTaken = _blocks.Unlinked };
        last->A = LeavesPage(offset + ((ulong)(last - instructions) * 4), last->Offset) ? (byte)1 : (byte)0;
        block->Key = mode.Key(offset);
        block->Stamp = stamp;
        block->CurrentStamp = _memory.CodePages.StampAddress(offset);
        block->Count = count;
        block->Guarded = mode.IsGuarded ? (byte)TlbEntry.Guarded : (byte)0;
        block->Refused = BranchTargets.Refused(instructions->Word, mode.IsGuarded);
        block->Host = code;
        _blocks.Commit(block, slots + 1);
        Counters.BlocksDecoded++;
        Counters.InstructionsDecoded += count;
        return block;
    }

    /// <summary>Whether a branch at <paramref name="offset"/>, or the instruction after it, may go to another page.</summary>
    private static bool LeavesPage(ulong offset, int distance) =>
        ((offset ^ (offset + (ulong)distance)) & Tlb.PageMask) != 0 || ((offset + 4) & ~Tlb.PageMask) == 0 || (offset & ~Tlb.PageMask) == 0;

    private Opcode DecodeGated(uint word)
    {
        var opcode = Decoder.Decode(word);
        return _domain.Features.Has(Decoder.FeatureOf(opcode)) ? opcode : Opcode.UNALLOCATED;
    }

    // Bits 28:26 of 101 are branches, exception generation and system instructions. Only the last go on to the next instruction,
    // and those that must not say so when they execute.
    private static bool EndsBlock(uint word) => (word >> 26 & 7) == 5 && word >> 22 != 0b11_0101_0100;

    /// <summary>Host address of the instruction at <paramref name="pc"/>, and whether its page is guarded.</summary>
    private bool TryFetch(ulong pc, out byte* code, out bool guarded)
    {
        code = null;
        guarded = false;
        if ((pc & 3) != 0)
        {
            FaultResult = TakeException(ExceptionClass.PcAlignment, 0, pc, pc);
            return false;
        }

        var entry = Tlb.Entry(_data, pc);
        if (entry->CanFetch(pc & Tlb.PageMask))
        {
            code = (byte*)(pc + (ulong)entry->Addend);
            guarded = (entry->FetchTag & TlbEntry.Guarded) != 0;
            return true;
        }

        return TryFetchSlow(pc, out code, out guarded);
    }

    private bool TryFetchSlow(ulong pc, out byte* code, out bool guarded)
    {
        guarded = false;
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
        guarded = translation.IsGuarded && _hasBranchTargets;
        code = host + (pc & ~Tlb.PageMask);
        return true;
    }
}
