using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves chunks of a paused machine, be they memory or disk blocks, into the chunk store.</summary>
public sealed class ChunkUpload(ChunkStore chunks, UploadSessions sessions)
{
    /// <summary>Chunks read and stored at a time (4 MiB).</summary>
    private const int BatchChunks = 64;

    private const int TouchBatch = 4096;

    /// <summary>Which of the chunks are stored; from now on the open sessions keep them.</summary>
    public async Task<HashSet<ChunkHash>> TouchAsync(IEnumerable<ChunkHash> hashes, CancellationToken ct)
    {
        HashSet<ChunkHash> present = [];
        foreach (ChunkHash[] batch in hashes.Chunk(TouchBatch))
            present.UnionWith(await chunks.TouchAsync(batch, ct).ConfigureAwait(false));
        return present;
    }

    /// <summary>Reads and stores the wanted chunks.</summary>
    /// <param name="wanted">Of each chunk, whether it is to be read.</param>
    /// <param name="readAsync">Reads a run of chunks: the first and their number.</param>
    /// <param name="found">Told the name of each chunk that was read.</param>
    /// <param name="sessionId">The open upload session.</param>
    /// <param name="reportAsync">Told the share done, 0 to 1.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The bytes that were added to the store.</returns>
    public async Task<long> StoreAsync(
        bool[] wanted,
        Func<int, int, Task<byte[]>> readAsync,
        Action<int, ChunkHash> found,
        Guid sessionId,
        Func<double, Task> reportAsync,
        CancellationToken ct)
    {
        int total = wanted.Count(w => w);
        int done = 0;
        long stored = 0;
        foreach ((int first, int count) in ChunkMap.Runs(wanted.Length, i => wanted[i], BatchChunks))
        {
            byte[] data = await readAsync(first, count).ConfigureAwait(false);
            Dictionary<ChunkHash, ReadOnlyMemory<byte>> batch = [];
            for (int i = 0; i < count; i++)
            {
                ReadOnlyMemory<byte> content = data.AsMemory(i * ControlProtocol.ChunkBytes, ControlProtocol.ChunkBytes);
                ChunkHash hash = ChunkHash.Of(content.Span);
                found(first + i, hash);
                if (!hash.IsZero)
                    batch[hash] = content;
            }

            stored += await chunks.StoreAsync(batch, ct).ConfigureAwait(false);
            await sessions.KeepAliveAsync(sessionId, ct).ConfigureAwait(false);
            done += count;
            await reportAsync((double)done / total).ConfigureAwait(false);
        }

        return stored;
    }

    /// <summary>A bit of a bitmap as the control protocol sends it.</summary>
    internal static bool IsSet(byte[] bitmap, int index) => (bitmap[index / 8] & (1 << (index % 8))) != 0;
}
