using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves what a paused machine's overlays hold into the chunk store.</summary>
public sealed class DiskUpload(ChunkStore chunks, UploadSessions sessions)
{
    /// <summary>Blocks read and stored at a time (4 MiB).</summary>
    private const int BatchBlocks = 64;

    private const int TouchBatch = 4096;

    /// <summary>Stores what is not stored yet.</summary>
    /// <param name="client">The paused machine.</param>
    /// <param name="disk">The disk's block map, read while paused.</param>
    /// <param name="known">What the disk was when the dirty epoch of <paramref name="disk"/> began, if that is known and stored.</param>
    /// <param name="sessionId">The open upload session.</param>
    /// <param name="reportAsync">Told the share done, 0 to 1.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The manifest, and the bytes that were added to the store.</returns>
    public async Task<(DiskMap Map, long StoredBytes)> RunAsync(
        HypervisorClient client, DiskBlockMap disk, DiskMap? known, Guid sessionId, Func<double, Task> reportAsync, CancellationToken ct)
    {
        HashSet<ChunkHash> reusable = [];
        foreach (ChunkHash[] batch in (known?.Distinct() ?? new HashSet<ChunkHash>()).Chunk(TouchBatch))
            reusable.UnionWith(await chunks.TouchAsync(batch, ct).ConfigureAwait(false));

        SortedDictionary<int, ChunkHash> blocks = [];
        bool[] wanted = new bool[disk.BlockCount];
        for (int i = 0; i < wanted.Length; i++)
        {
            if (IsSet(disk.Zero, i))
                blocks[i] = ChunkHash.Zero;
            else if (!IsSet(disk.Data, i))
                continue;
            else if (!IsSet(disk.Dirty, i) && known?.Blocks.TryGetValue(i, out ChunkHash hash) == true && (hash.IsZero || reusable.Contains(hash)))
                blocks[i] = hash;
            else
                wanted[i] = true;
        }

        int total = wanted.Count(w => w);
        int done = 0;
        long stored = 0;
        foreach ((int first, int count) in ChunkMap.Runs(wanted.Length, i => wanted[i], BatchBlocks))
        {
            byte[] data = await client.GetBlocksAsync(disk.Name, first, count, ct).ConfigureAwait(false);
            Dictionary<ChunkHash, ReadOnlyMemory<byte>> batch = [];
            for (int i = 0; i < count; i++)
            {
                ReadOnlyMemory<byte> content = data.AsMemory(i * ControlProtocol.ChunkBytes, ControlProtocol.ChunkBytes);
                ChunkHash hash = ChunkHash.Of(content.Span);
                blocks[first + i] = hash;
                if (!hash.IsZero)
                    batch[hash] = content;
            }

            stored += await chunks.StoreAsync(batch, ct).ConfigureAwait(false);
            await sessions.KeepAliveAsync(sessionId, ct).ConfigureAwait(false);
            done += count;
            await reportAsync((double)done / total).ConfigureAwait(false);
        }

        return (new DiskMap(disk.Name, blocks), stored);
    }

    private static bool IsSet(byte[] bitmap, int index) => (bitmap[index / 8] & (1 << (index % 8))) != 0;
}
