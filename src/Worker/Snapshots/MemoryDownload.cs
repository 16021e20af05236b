using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves stored chunks into a machine that is being restored.</summary>
public sealed class MemoryDownload(ChunkStore chunks, UploadSessions sessions)
{
    /// <summary>Chunks loaded and put at a time (4 MiB).</summary>
    private const int BatchChunks = 64;

    private const int TouchBatch = 4096;

    /// <summary>Makes sure, before anything is overwritten, that every chunk is there, and keeps it there while the session is open.</summary>
    /// <exception cref="InvalidDataException">Chunks are missing.</exception>
    public async Task CheckAsync(StoredSnapshot snapshot, CancellationToken ct)
    {
        int missing = 0;
        foreach (ChunkHash[] batch in snapshot.Distinct().Chunk(TouchBatch))
            missing += batch.Length - (await chunks.TouchAsync(batch, ct).ConfigureAwait(false)).Count;
        if (missing > 0)
            throw new InvalidDataException($"{missing} chunks of the snapshot are missing from the store.");
    }

    /// <summary>Puts all memory that is not zero; each chunk is checked against its name.</summary>
    public async Task RunAsync(
        HypervisorClient client, ChunkMap memory, Guid sessionId, Func<double, Task> reportAsync, CancellationToken ct)
    {
        int total = Enumerable.Range(0, memory.Count).Count(i => !memory[i].IsZero);
        int done = 0;
        foreach ((int first, int count) in ChunkMap.Runs(memory.Count, i => !memory[i].IsZero, BatchChunks))
        {
            Dictionary<ChunkHash, byte[]> loaded = await chunks
                .LoadAsync(Enumerable.Range(first, count).Select(i => memory[i]), ct).ConfigureAwait(false);
            byte[] data = new byte[count * ControlProtocol.ChunkBytes];
            for (int i = 0; i < count; i++)
            {
                byte[] content = loaded.GetValueOrDefault(memory[first + i])
                    ?? throw new InvalidDataException($"Chunk {memory[first + i]} is missing from the store.");
                content.CopyTo(data, i * ControlProtocol.ChunkBytes);
            }

            await client.PutChunksAsync(first, data, ct).ConfigureAwait(false);
            await sessions.KeepAliveAsync(sessionId, ct).ConfigureAwait(false);
            done += count;
            await reportAsync((double)done / total).ConfigureAwait(false);
        }
    }
}
