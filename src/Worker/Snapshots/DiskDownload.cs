using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Moves stored blocks into the new overlays of a machine that is being restored.</summary>
public sealed class DiskDownload(ChunkStore chunks, UploadSessions sessions)
{
    /// <summary>Blocks loaded and put at a time (4 MiB).</summary>
    private const int BatchBlocks = 64;

    /// <summary>Puts all blocks of a disk; each chunk is checked against its name.</summary>
    /// <exception cref="InvalidDataException">A chunk is missing or damaged.</exception>
    public async Task RunAsync(HypervisorClient client, DiskMap disk, Guid sessionId, Func<double, Task> reportAsync, CancellationToken ct)
    {
        int done = 0;
        foreach ((int first, int count) in disk.Runs(hash => hash.IsZero, int.MaxValue))
        {
            await client.ZeroBlocksAsync(disk.Name, first, count, ct).ConfigureAwait(false);
            done += count;
        }

        foreach ((int first, int count) in disk.Runs(hash => !hash.IsZero, BatchBlocks))
        {
            Dictionary<ChunkHash, byte[]> loaded = await chunks
                .LoadAsync(Enumerable.Range(first, count).Select(i => disk.Blocks[i]), ct).ConfigureAwait(false);
            byte[] data = new byte[count * ControlProtocol.ChunkBytes];
            for (int i = 0; i < count; i++)
            {
                byte[] content = loaded.GetValueOrDefault(disk.Blocks[first + i])
                    ?? throw new InvalidDataException($"Chunk {disk.Blocks[first + i]} is missing from the store.");
                content.CopyTo(data, i * ControlProtocol.ChunkBytes);
            }

            await client.PutBlocksAsync(disk.Name, first, data, ct).ConfigureAwait(false);
            await sessions.KeepAliveAsync(sessionId, ct).ConfigureAwait(false);
            done += count;
            await reportAsync((double)done / disk.Blocks.Count).ConfigureAwait(false);
        }
    }
}
