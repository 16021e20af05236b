using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A paused machine's state, the chunks of its memory that hold data, and its disks' blocks, as the Worker moves them.</summary>
internal sealed record SavedMachine(byte[] State, IReadOnlyDictionary<int, byte[]> Chunks, IReadOnlyList<SavedMachine.SavedDisk> Disks)
{
    /// <summary>Pauses the machine and reads all of it; it stays paused.</summary>
    public static async Task<SavedMachine> SaveAsync(HypervisorClient client)
    {
        var ct = TestContext.Current.CancellationToken;
        await client.PauseAsync(ct);
        var state = await client.GetStateAsync(ct);
        var map = await client.GetChunkMapAsync(ct);
        var chunks = new Dictionary<int, byte[]>();
        foreach (var chunk in Members(map.Touched, map.ChunkCount))
            chunks.Add(chunk, await client.GetChunksAsync(chunk, 1, ct));
        var disks = new List<SavedDisk>();
        foreach (var disk in (await client.DisksAsync(ct)).Disks)
        {
            var blocks = await client.GetBlockMapAsync(disk.Name, ct);
            var data = new Dictionary<int, byte[]>();
            foreach (var block in Members(blocks.Data, blocks.BlockCount))
                data.Add(block, await client.GetBlocksAsync(disk.Name, block, 1, ct));
            disks.Add(new SavedDisk(disk.Name, data, [.. Members(blocks.Zero, blocks.BlockCount)]));
        }

        return new SavedMachine(state, chunks, disks);
    }

    /// <summary>Puts the state back; the machine is paused afterwards.</summary>
    /// <param name="overlays">Where the disks' new overlays go; null for a machine without disks.</param>
    public async Task LoadAsync(HypervisorClient client, IReadOnlyList<RestoreDisk>? overlays = null)
    {
        var ct = TestContext.Current.CancellationToken;
        if ((await client.StatusAsync(ct)).State == MachineState.Running)
            await client.PauseAsync(ct);
        await (overlays is null ? client.BeginRestoreAsync(ct) : client.BeginRestoreAsync(overlays, ct));
        foreach (var (index, data) in Chunks)
            await client.PutChunksAsync(index, data, ct);
        foreach (var disk in Disks)
        {
            foreach (var (index, data) in disk.Data)
                await client.PutBlocksAsync(disk.Name, index, data, ct);
            foreach (var index in disk.Zero)
                await client.ZeroBlocksAsync(disk.Name, index, 1, ct);
        }

        await client.PutStateAsync(State, ct);
    }

    private static IEnumerable<int> Members(byte[] bitmap, int count) =>
        Enumerable.Range(0, count).Where(i => (bitmap[i / 8] >> (i % 8) & 1) != 0);

    /// <summary>What a disk's overlay holds.</summary>
    internal sealed record SavedDisk(string Name, IReadOnlyDictionary<int, byte[]> Data, IReadOnlyList<int> Zero);
}
