using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Execute;

/// <summary>An instruction ready to execute.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct DecodedInstruction
{
    public delegate*<Interpreter, uint, StepResult> Handler;
    public uint Word;
}

/// <summary>
/// Straight-line code within one page, ended by a branch. It holds no virtual address: the same page may be mapped at several.
/// Instructions follow the header.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    /// <summary>Offset in RAM of the first instruction, with the execution mode in the low bits.</summary>
    public ulong Key;

    /// <summary>Next block of the same hash bucket.</summary>
    public Block* Next;

    /// <summary>The page's stamp in the code-page map when the block was decoded.</summary>
    public int Stamp;

    public int Count;

    public static DecodedInstruction* Instructions(Block* block) => (DecodedInstruction*)(block + 1);
}

/// <summary>
/// A vCPU's decoded blocks, found by physical address and mode, and its jump cache, which finds them by virtual address. Memory is
/// one arena that fills up and is then emptied at once.
/// </summary>
/// <remarks>
/// Thread: the vCPU's. Invariant: pointers to blocks live in the buckets and the jump cache only and are dropped together with the
/// arena, so no caller may keep one across <see cref="Clear"/>.
/// </remarks>
internal sealed unsafe class BlockCache : IDisposable
{
    private const int ArenaBytes = 32 * 1024 * 1024;
    private const int BucketCount = 1 << 14;
    private const int JumpCount = 1 << 12;
    private const int JumpPageBits = 1 << 12;

    /// <summary>One bit for each virtual page, hashed, that a remembered jump leads to.</summary>
    private readonly ulong[] _jumpPages = new ulong[JumpPageBits / 64];

    private byte* _arena = HostPages.Reserve(ArenaBytes);
    private Block** _buckets = (Block**)HostPages.Reserve((nuint)(BucketCount * sizeof(Block*)));
    private Jump* _jumps = (Jump*)HostPages.Reserve((nuint)(JumpCount * sizeof(Jump)));
    private int _used;

    public BlockCache() => ForgetJumps();

    /// <summary>The block last remembered for a virtual address and mode, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Block* FindJump(ulong virtualKey)
    {
        var jump = _jumps + JumpIndex(virtualKey);
        return jump->VirtualKey == virtualKey ? jump->Block : null;
    }

    /// <param name="virtualKey">Virtual address, mode and address space.</param>
    /// <param name="address">The virtual address alone.</param>
    public void RememberJump(ulong virtualKey, ulong address, Block* block)
    {
        _jumps[JumpIndex(virtualKey)] = new Jump { VirtualKey = virtualKey, Block = block };
        var page = (int)(address >> CodePageMap.PageShift) & (JumpPageBits - 1);
        _jumpPages[page >> 6] |= 1UL << (page & 63);
    }

    /// <summary>Drops the virtual addresses, as after any change of translation.</summary>
    public void ForgetJumps()
    {
        NativeMemory.Fill(_jumps, (nuint)(JumpCount * sizeof(Jump)), 0xff);
        Array.Clear(_jumpPages);
    }

    /// <summary>Drops at least the virtual addresses in a range, whatever their top byte. Costs little where no code was run.</summary>
    public void ForgetJumps(ulong start, ulong length)
    {
        var pages = Math.Min((length + (1 << CodePageMap.PageShift) - 1) >> CodePageMap.PageShift, JumpPageBits);
        for (ulong i = 0; i < pages; i++)
        {
            var page = (int)((start >> CodePageMap.PageShift) + i) & (JumpPageBits - 1);
            if ((_jumpPages[page >> 6] >> (page & 63) & 1) == 0)
                continue;
            ForgetJumps();
            return;
        }
    }

    /// <summary>The block decoded at a physical key if it is still what memory holds, or null.</summary>
    public Block* Find(ulong key, CodePageMap codePages)
    {
        for (var block = _buckets[Bucket(key)]; block != null; block = block->Next)
        {
            if (block->Key == key && codePages.IsCurrent(key & ~3UL, block->Stamp))
                return block;
        }

        return null;
    }

    /// <summary>Room for a block of up to <paramref name="instructions"/>; <see cref="Commit"/> makes it findable.</summary>
    public Block* Reserve(int instructions)
    {
        if (_used + BlockBytes(instructions) > ArenaBytes)
            Clear();
        return (Block*)(_arena + _used);
    }

    public void Commit(Block* block)
    {
        _used += BlockBytes(block->Count);
        var bucket = _buckets + Bucket(block->Key);
        block->Next = *bucket;
        *bucket = block;
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        ForgetJumps();
        NativeMemory.Clear(_buckets, (nuint)(BucketCount * sizeof(Block*)));
        _used = 0;
    }

    public void Dispose()
    {
        if (_arena == null)
            return;
        HostPages.Release(_arena, ArenaBytes);
        HostPages.Release((byte*)_buckets, (nuint)(BucketCount * sizeof(Block*)));
        HostPages.Release((byte*)_jumps, (nuint)(JumpCount * sizeof(Jump)));
        _arena = null;
        _buckets = null;
        _jumps = null;
    }

    private static int BlockBytes(int instructions) => sizeof(Block) + (instructions * sizeof(DecodedInstruction));

    private static ulong Bucket(ulong key) => ((key >> 2) ^ (key >> 14) ^ (key << 11)) & (BucketCount - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong JumpIndex(ulong key) => ((key >> 2) ^ (key >> 12) ^ (key << 9)) & (JumpCount - 1);

    private struct Jump
    {
        public ulong VirtualKey;
        public Block* Block;
    }
}
