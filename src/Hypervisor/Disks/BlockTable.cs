using System.Numerics;

namespace CloudVm.Hypervisor.Disks;

/// <summary>A run of blocks in one state.</summary>
internal readonly record struct BlockRun(int First, int Count, BlockState State);

/// <summary>
/// The state of every block, which of them the journal does not know yet, and which were changed since the dirty epoch began: four bits a
/// block.
/// </summary>
/// <remarks>Thread: one at a time; the counters may be read by any.</remarks>
internal sealed class BlockTable
{
    private readonly ulong[] _data;
    private readonly ulong[] _zero;
    private readonly ulong[] _pending;
    private readonly ulong[] _dirty;
    private int _dataBlocks;

    public BlockTable(int count)
    {
        Count = count;
        var words = (count + 63) / 64;
        _data = new ulong[words];
        _zero = new ulong[words];
        _pending = new ulong[words];
        _dirty = new ulong[words];
        Array.Fill(_dirty, ulong.MaxValue); // nothing is known of what happened before
    }

    public int Count { get; }

    /// <summary>Blocks in state <see cref="BlockState.Data"/>.</summary>
    public int DataBlocks => Volatile.Read(ref _dataBlocks);

    /// <summary>Whether a change waits for the journal.</summary>
    public bool HasPending { get; private set; }

    public BlockState this[int block]
    {
        get
        {
            var bit = 1UL << (block & 63);
            return (_data[block >> 6] & bit) != 0 ? BlockState.Data : (_zero[block >> 6] & bit) != 0 ? BlockState.Zero : BlockState.Base;
        }
    }

    /// <summary>First block after <paramref name="block"/> and before <paramref name="end"/> that is in another state; else <paramref name="end"/>.</summary>
    public int EndOfRun(int block, int end)
    {
        var state = this[block];
        do
            block++;
        while (block < end && this[block] == state);
        return block;
    }

    /// <summary>Notes a change of content, and of state where it differs.</summary>
    public void Change(int block, BlockState state)
    {
        Mark(_dirty, block);
        if (this[block] == state)
            return;
        Load(block, state);
        Mark(_pending, block);
        HasPending = true;
    }

    /// <summary>Sets a state that the journal knows already.</summary>
    public void Load(int block, BlockState state)
    {
        var bit = 1UL << (block & 63);
        ref var data = ref _data[block >> 6];
        ref var zero = ref _zero[block >> 6];
        if ((data & bit) != 0)
            Volatile.Write(ref _dataBlocks, _dataBlocks - 1);
        data &= ~bit;
        zero &= ~bit;
        if (state == BlockState.Data)
        {
            data |= bit;
            Volatile.Write(ref _dataBlocks, _dataBlocks + 1);
        }
        else if (state == BlockState.Zero)
        {
            zero |= bit;
        }
    }

    /// <summary>What the journal must be told, in order.</summary>
    public IEnumerable<BlockRun> Pending() => Runs(_pending);

    /// <summary>Everything that is not in the base, in order.</summary>
    public IEnumerable<BlockRun> Present() => Runs([.. _data.Zip(_zero, (data, zero) => data | zero)]);

    /// <summary>The journal knows all.</summary>
    public void Settle()
    {
        Array.Clear(_pending);
        HasPending = false;
    }

    public void StartDirtyEpoch() => Array.Clear(_dirty);

    /// <summary>Copies the bits of blocks that are in <paramref name="state"/>.</summary>
    public void Collect(BlockState state, Span<ulong> bitmap) => (state == BlockState.Data ? _data : _zero).CopyTo(bitmap);

    /// <summary>Copies the bits of blocks that were changed since the epoch began.</summary>
    public void CollectDirty(Span<ulong> bitmap)
    {
        _dirty.CopyTo(bitmap);
        if (Count % 64 != 0)
            bitmap[_dirty.Length - 1] &= (1UL << (Count % 64)) - 1;
    }

    private IEnumerable<BlockRun> Runs(ulong[] bitmap)
    {
        var first = -1;
        var end = 0;
        for (var word = 0; word < bitmap.Length; word++)
        {
            for (var bits = bitmap[word]; bits != 0; bits &= bits - 1)
            {
                var block = (word << 6) + BitOperations.TrailingZeroCount(bits);
                if (first >= 0 && (block != end || this[block] != this[first]))
                {
                    yield return new BlockRun(first, end - first, this[first]);
                    first = -1;
                }

                if (first < 0)
                    first = block;
                end = block + 1;
            }
        }

        if (first >= 0)
            yield return new BlockRun(first, end - first, this[first]);
    }

    private static void Mark(ulong[] bitmap, int block) => bitmap[block >> 6] |= 1UL << (block & 63);
}
