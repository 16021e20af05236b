using System.Numerics;

namespace CloudVm.Hypervisor.Gic;

/// <summary>The pending LPIs of one PE, as a bitmap by INTID with a summary that finds the set words.</summary>
/// <remarks>Thread: under the lock of the <see cref="GicV3"/> that owns it. Storage comes with the first use.</remarks>
internal sealed class LpiPendingSet
{
    private const int WordCount = (GicV3.IntIdLimit - GicV3.FirstLpi) / 64;

    private ulong[]? _words;
    private readonly ulong[] _summary = new ulong[(WordCount + 63) / 64];

    public int Count { get; private set; }

    public bool Contains(int intId) =>
        _words is not null && (_words[(intId - GicV3.FirstLpi) >> 6] & (1ul << (intId & 63))) != 0;

    public void Add(int intId)
    {
        _words ??= new ulong[WordCount];
        var word = (intId - GicV3.FirstLpi) >> 6;
        var bit = 1ul << (intId & 63);
        if ((_words[word] & bit) != 0)
            return;
        _words[word] |= bit;
        _summary[word >> 6] |= 1ul << (word & 63);
        Count++;
    }

    public bool Remove(int intId)
    {
        if (!Contains(intId))
            return false;
        var word = (intId - GicV3.FirstLpi) >> 6;
        _words![word] &= ~(1ul << (intId & 63));
        if (_words[word] == 0)
            _summary[word >> 6] &= ~(1ul << (word & 63));
        Count--;
        return true;
    }

    /// <summary>The first pending INTID from <paramref name="intId"/> on; -1 when there is none.</summary>
    public int NextFrom(int intId)
    {
        if (Count == 0 || intId >= GicV3.IntIdLimit)
            return -1;
        var word = (intId - GicV3.FirstLpi) >> 6;
        var rest = _words![word] & (ulong.MaxValue << (intId & 63));
        while (rest == 0)
        {
            word = NextWord(word + 1);
            if (word < 0)
                return -1;
            rest = _words[word];
        }

        return GicV3.FirstLpi + (word * 64) + BitOperations.TrailingZeroCount(rest);
    }

    public void Clear()
    {
        if (Count == 0)
            return;
        Array.Clear(_words!);
        Array.Clear(_summary);
        Count = 0;
    }

    private int NextWord(int word)
    {
        if (word >= WordCount)
            return -1;
        var index = word >> 6;
        var rest = _summary[index] & (ulong.MaxValue << (word & 63));
        while (rest == 0)
        {
            if (++index == _summary.Length)
                return -1;
            rest = _summary[index];
        }

        return (index * 64) + BitOperations.TrailingZeroCount(rest);
    }
}
