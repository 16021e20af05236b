using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves a paused guest's memory into the chunk store.</summary>
public sealed class MemoryUpload(ChunkUpload chunks)
{
    /// <summary>Stores what is not stored yet.</summary>
    /// <param name="client">The paused machine.</param>
    /// <param name="memory">Its chunk map, read while paused.</param>
    /// <param name="known">What the memory was when the dirty epoch of <paramref name="memory"/> began, if that is known and stored.</param>
    /// <param name="sessionId">The open upload session.</param>
    /// <param name="reportAsync">Told the share done, 0 to 1.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The manifest, and the bytes that were added to the store.</returns>
    public async Task<(ChunkMap Map, long StoredBytes)> RunAsync(
        HypervisorClient client, MemoryChunkMap memory, ChunkMap? known, Guid sessionId, Func<double, Task> reportAsync, CancellationToken ct)
    {
        ChunkMap map = new(memory.ChunkCount);
        HashSet<ChunkHash> reusable = known is null ? [] : await chunks.TouchAsync(known.Distinct(), ct).ConfigureAwait(false);
        bool[] wanted = new bool[memory.ChunkCount];
        for (int i = 0; i < wanted.Length; i++)
        {
            if (!ChunkUpload.IsSet(memory.Touched, i))
                continue;
            bool unchanged = known is not null && !ChunkUpload.IsSet(memory.Dirty, i) && (known[i].IsZero || reusable.Contains(known[i]));
            if (unchanged)
                map[i] = known![i];
            else
                wanted[i] = true;
        }

        long stored = await chunks.StoreAsync(
            wanted, (first, count) => client.GetChunksAsync(first, count, ct), (i, hash) => map[i] = hash, sessionId, reportAsync, ct).ConfigureAwait(false);
        return (map, stored);
    }
}
