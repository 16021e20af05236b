using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves what a paused machine's overlays hold into the chunk store.</summary>
public sealed class DiskUpload(ChunkUpload chunks)
{
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
        HashSet<ChunkHash> reusable = known is null ? [] : await chunks.TouchAsync(known.Distinct(), ct).ConfigureAwait(false);
        SortedDictionary<int, ChunkHash> blocks = [];
        bool[] wanted = new bool[disk.BlockCount];
        for (int i = 0; i < wanted.Length; i++)
        {
            if (ChunkUpload.IsSet(disk.Zero, i))
                blocks[i] = ChunkHash.Zero;
            else if (!ChunkUpload.IsSet(disk.Data, i))
                continue;
            else if (!ChunkUpload.IsSet(disk.Dirty, i) && known?.Blocks.TryGetValue(i, out ChunkHash hash) == true && (hash.IsZero || reusable.Contains(hash)))
                blocks[i] = hash;
            else
                wanted[i] = true;
        }

        long stored = await chunks.StoreAsync(
            wanted, (first, count) => client.GetBlocksAsync(disk.Name, first, count, ct), (i, hash) => blocks[i] = hash, sessionId, reportAsync, ct).ConfigureAwait(false);
        return (new DiskMap(disk.Name, blocks), stored);
    }
}
