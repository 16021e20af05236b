using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves a paused guest's memory into the chunk store.</summary>
public sealed class MemoryUpload(ChunkStore chunks, UploadSessions sessions)
{
    /// <summary>Chunks read and stored at a time (4 MiB).</summary>
    private const int BatchChunks = 64;

    private const int TouchBatch = 4096;

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
        HashSet<ChunkHash> reusable = known is null ? [] : await TouchAllAsync(known.Distinct(), ct).ConfigureAwait(false);
        bool[] wanted = new bool[memory.ChunkCount];
        for (int i = 0; i < wanted.Length; i++)
        {
            if (!IsSet(memory.Touched, i))
                continue;
            bool unchanged = known is not null && !IsSet(memory.Dirty, i) && (known[i].IsZero || reusable.Contains(known[i]));
            if (unchanged)
                map[i] = known![i];
            else
                wanted[i] = true;
        }

        int total = wanted.Count(w => w);
        int done = 0;
        long stored = 0;
        foreach ((int first, int count) in ChunkMap.Runs(wanted.Length, i => wanted[i], BatchChunks))
        {
            byte[] data = await client.GetChunksAsync(first, count, ct).ConfigureAwait(false);
            Dictionary<ChunkHash, ReadOnlyMemory<byte>> batch = [];
            for (int i = 0; i < count; i++)
            {
                ReadOnlyMemory<byte> content = data.AsMemory(i * ControlProtocol.ChunkBytes, ControlProtocol.ChunkBytes);
                ChunkHash hash = ChunkHash.Of(content.Span);
                map[first + i] = hash;
                if (!hash.IsZero)
                    batch[hash] = content;
            }

            stored += await chunks.StoreAsync(batch, ct).ConfigureAwait(false);
            await sessions.KeepAliveAsync(sessionId, ct).ConfigureAwait(false);
            done += count;
            await reportAsync((double)done / total).ConfigureAwait(false);
        }

        return (map, stored);
    }

    private async Task<HashSet<ChunkHash>> TouchAllAsync(IEnumerable<ChunkHash> hashes, CancellationToken ct)
    {
        HashSet<ChunkHash> present = [];
        foreach (ChunkHash[] batch in hashes.Chunk(TouchBatch))
            present.UnionWith(await chunks.TouchAsync(batch, ct).ConfigureAwait(false));
        return present;
    }

    private static bool IsSet(byte[] bitmap, int index) => (bitmap[index / 8] & (1 << (index % 8))) != 0;
}
