using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// A vCPU's decoded blocks, found by physical address and mode, and its jump cache, which guesses them by virtual address. Memory is
/// one arena that fills up and is then emptied at once.
/// </summary>
/// <remarks>
/// Thread: the vCPU's. Invariant: pointers to blocks live in the buckets, the jump cache and the links of other blocks only, all of
/// which go together with the arena; who keeps one across a call that may decode compares <see cref="Generation"/>. A guess must be
/// checked against the TLB and the page's stamp before use, so that no change of translation needs to drop guesses.
/// </remarks>
internal sealed unsafe class BlockCache : IDisposable
{
    private const int ArenaBytes = 64 * 1024 * 1024;
    private const int BucketCount = 1 << 15;
    private const int JumpCount = 1 << 13;

    private byte* _arena = HostPages.Reserve(ArenaBytes);
    private Block** _buckets = (Block**)HostPages.Reserve((nuint)(BucketCount * sizeof(Block*)));
    private Jump* _jumps = (Jump*)HostPages.Reserve((nuint)(JumpCount * sizeof(Jump)));
    private Block* _unlinked = (Block*)NativeMemory.AlignedAlloc((nuint)sizeof(Block), 64);
    private int _used;

    public BlockCache()
    {
        // Its own Count serves as a stamp that it does not have, and no instruction has an odd address.
        *_unlinked = new Block { CurrentStamp = &_unlinked->Count, Stamp = 1, Count = 0, Host = (byte*)1 };
        ForgetJumps();
    }

    /// <summary>What links point to until they are resolved: a block that is always stale.</summary>
    public Block* Unlinked => _unlinked;

    /// <summary>Changes when all blocks are dropped.</summary>
    public int Generation { get; private set; }

    /// <summary>The block last remembered for a virtual address and mode, else <see cref="Unlinked"/>. A guess.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Block* GuessJump(ulong virtualKey)
    {
        var jump = _jumps + JumpIndex(virtualKey);
        return jump->VirtualKey == virtualKey ? jump->Block : _unlinked;
    }

    public void RememberJump(ulong virtualKey, Block* block) => _jumps[JumpIndex(virtualKey)] = new Jump { VirtualKey = virtualKey, Block = block };

    /// <summary>The block decoded at a physical key if it is still what memory holds, or null.</summary>
    public Block* Find(ulong key)
    {
        for (var block = _buckets[Bucket(key)]; block != null; block = block->Next)
        {
            if (block->Key == key && Volatile.Read(ref *block->CurrentStamp) == block->Stamp)
                return block;
        }

        return null;
    }

    /// <summary>Room for a block of up to <paramref name="slots"/> instructions and links; <see cref="Commit"/> makes it findable.</summary>
    public Block* Reserve(int slots)
    {
        if (_used + BlockBytes(slots) > ArenaBytes)
            Clear();
        return (Block*)(_arena + _used);
    }

    public void Commit(Block* block, int slots)
    {
        _used += BlockBytes(slots);
        var bucket = _buckets + Bucket(block->Key);
        block->Next = *bucket;
        *bucket = block;
    }

    /// <summary>Drops everything. What is executing stays readable until the next <see cref="Reserve"/>.</summary>
    public void Clear()
    {
        Generation++;
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
        NativeMemory.AlignedFree(_unlinked);
        _arena = null;
        _buckets = null;
        _jumps = null;
        _unlinked = null;
    }

    // No key is safe from a guest that jumps anywhere, so the entries must lead to a block too.
    private void ForgetJumps() => new Span<Jump>(_jumps, JumpCount).Fill(new Jump { VirtualKey = ulong.MaxValue, Block = _unlinked });

    private static int BlockBytes(int slots) => sizeof(Block) + (slots * sizeof(DecodedInstruction));

    private static ulong Bucket(ulong key) => ((key >> 2) ^ (key >> 14) ^ (key << 11)) & (BucketCount - 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong JumpIndex(ulong key) => ((key >> 2) ^ (key >> 12)) & (JumpCount - 1);

    private struct Jump
    {
        public ulong VirtualKey;
        public Block* Block;
    }
}
