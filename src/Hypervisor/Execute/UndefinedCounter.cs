using System.Collections.Concurrent;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Counts executed instruction words that were UNDEFINED, so that a missing encoding shows up by name instead of as a guest crash.
/// Holds at most <see cref="Capacity"/> different words, because a hostile guest can execute billions.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class UndefinedCounter
{
    public const int Capacity = 1024;

    private readonly ConcurrentDictionary<uint, long> _words = new();
    private long _total;

    public long Total => Interlocked.Read(ref _total);

    public void Count(uint word)
    {
        Interlocked.Increment(ref _total);
        if (_words.TryGetValue(word, out _) || _words.Count < Capacity)
            _words.AddOrUpdate(word, 1, static (_, count) => count + 1);
    }

    /// <summary>Words and counts, most frequent first.</summary>
    public IReadOnlyList<KeyValuePair<uint, long>> Snapshot() => [.. _words.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key)];
}
