using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Tests.Disks;
using CloudVm.Hypervisor.Tests.Guests;

namespace CloudVm.Hypervisor.Tests.Control;

public sealed class DiskControlTests : IDisposable
{
    private const int Block = OverlayDisk.BlockBytes;
    private const long Size = 20 * Block;

    private readonly DiskFolder _folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_disk_is_saved_block_by_block_and_restored_into_another_overlay()
    {
        var content = Prepare();
        await using var source = await HypervisorProcess.StartAsync();
        await source.Client.ConfigureAsync(Definition(source, _folder.Overlay), Ct);
        await source.Client.StartAsync(Ct);
        await source.Client.PauseAsync(Ct);
        var state = await source.Client.GetStateAsync(Ct);
        var memory = await source.Client.GetChunkMapAsync(Ct);
        var map = await source.Client.GetBlockMapAsync("data", Ct);
        Assert.Equal((Size, 20), (map.SizeBytes, map.BlockCount));
        Assert.Equal([0b0000_0110, 0, 0], map.Data);
        Assert.Equal([0b0000_1000, 0, 0], map.Zero);
        Assert.Equal([0xff, 0xff, 0x0f], map.Dirty);
        Assert.Equal(new DiskStatus("data", Size, 2 * Block, false), Assert.Single((await source.Client.DisksAsync(Ct)).Disks));
        await source.Client.BeginDirtyEpochAsync(Ct);
        var next = await source.Client.GetBlockMapAsync("data", Ct);
        Assert.Equal([0, 0, 0], next.Dirty);
        Assert.Equal(map.DirtyEpoch + 1, next.DirtyEpoch);
        var blocks = await source.Client.GetBlocksAsync("data", 1, 2, Ct);
        Assert.Equal(content[Block..(3 * Block)], blocks);

        await using var target = await HypervisorProcess.StartAsync();
        await target.Client.ConfigureAsync(Definition(target, _folder.In("first")), Ct);
        await target.Client.BeginRestoreAsync([new RestoreDisk("data", _folder.In("restored"))], Ct);
        for (var i = 0; i < memory.ChunkCount; i++)
        {
            if ((memory.Touched[i / 8] >> (i % 8) & 1) != 0)
                await target.Client.PutChunksAsync(i, await source.Client.GetChunksAsync(i, 1, Ct), Ct);
        }

        await target.Client.PutBlocksAsync("data", 1, blocks, Ct);
        await target.Client.ZeroBlocksAsync("data", 3, 1, Ct);
        Assert.Equal(0, (await target.Client.DisksAsync(Ct)).Disks[0].AllocatedBytes);
        await target.Client.PutStateAsync(state, Ct);
        Assert.Equal(2 * Block, (await target.Client.DisksAsync(Ct)).Disks[0].AllocatedBytes);
        await target.Client.StopAsync(force: false, Ct);
        await target.WaitForExitAsync();

        using var restored = OverlayDisk.Open(new OverlayFiles(_folder.In("restored"), Size, _folder.Base));
        Assert.Equal(content, Read(restored));
        using var first = OverlayDisk.Open(new OverlayFiles(_folder.In("first"), Size, _folder.Base));
        Assert.Equal(0, first.AllocatedBytes);
    }

    [Fact]
    public async Task A_killed_restore_leaves_the_present_overlay_as_it_was()
    {
        var content = Prepare();
        await using (var process = await HypervisorProcess.StartAsync())
        {
            await process.Client.ConfigureAsync(Definition(process, _folder.Overlay), Ct);
            await process.Client.BeginRestoreAsync([new RestoreDisk("data", _folder.In("restored"))], Ct);
            await process.Client.PutBlocksAsync("data", 0, new byte[4 * Block], Ct);
        }

        using var disk = OverlayDisk.Open(new OverlayFiles(_folder.Overlay, Size, _folder.Base));
        Assert.Equal(content, Read(disk));
    }

    [Fact]
    public async Task What_does_not_fit_is_refused_with_every_reason()
    {
        Prepare();
        using var busy = OverlayDisk.Open(new OverlayFiles(_folder.In("busy"), Size));
        await using var process = await HypervisorProcess.StartAsync();
        var definition = Definition(process, _folder.Overlay);
        var twice = await Refused(() => process.Client.ConfigureAsync(
            definition with { Disks = [definition.Disks![0] with { SizeBytes = 1000 }, definition.Disks[0] with { Name = "a/b" }, definition.Disks[0]] }, Ct));
        Assert.Equal(["/disks/0/sizeBytes", "/disks/1/name", "/disks/2/name"], twice.Errors.Select(e => e.Pointer).Order());
        var inUse = await Refused(() => process.Client.ConfigureAsync(
            definition with { Disks = [definition.Disks![0] with { OverlayPath = _folder.In("busy"), BasePath = null }] }, Ct));
        Assert.Contains("Another process uses this disk", Assert.Single(inUse.Errors).Detail, StringComparison.Ordinal);

        await process.Client.ConfigureAsync(definition, Ct);
        var noPath = await Refused(() => process.Client.BeginRestoreAsync([new RestoreDisk("other", _folder.In("x"))], Ct));
        Assert.Equal(2, noPath.Errors.Count);
        Assert.Equal(409, (await Refused(() => process.Client.PutBlocksAsync("data", 0, new byte[Block], Ct))).Status);
        await process.Client.BeginRestoreAsync([new RestoreDisk("data", _folder.In("x"))], Ct);
        Assert.Equal(404, (await Refused(() => process.Client.PutBlocksAsync("other", 0, new byte[Block], Ct))).Status);
        Assert.Equal(400, (await Refused(() => process.Client.PutBlocksAsync("data", 19, new byte[2 * Block], Ct))).Status);
        Assert.Equal(400, (await Refused(() => process.Client.PutBlocksAsync("data", 0, new byte[512], Ct))).Status);
        Assert.Equal(400, (await Refused(() => process.Client.ZeroBlocksAsync("data", 1, int.MaxValue, Ct))).Status);
        Assert.Equal(400, (await Refused(() => process.Client.GetBlocksAsync("data", 20, 1, Ct))).Status);
        Assert.Equal(404, (await Refused(() => process.Client.GetBlockMapAsync("other", Ct))).Status);
    }

    /// <summary>A base of 5 blocks, and over it blocks 1 and 2 written and block 3 zeroed.</summary>
    private byte[] Prepare()
    {
        var content = new byte[Size];
        Random.Shared.NextBytes(content.AsSpan(0, 5 * Block));
        _folder.WriteBase(content.AsSpan(0, 5 * Block));
        using var disk = OverlayDisk.Open(new OverlayFiles(_folder.Overlay, Size, _folder.Base));
        Random.Shared.NextBytes(content.AsSpan(Block, 2 * Block));
        content.AsSpan(3 * Block, Block).Clear();
        disk.Write(Block, content.AsSpan(Block, 2 * Block));
        disk.WriteZeroes(3 * Block, Block, mayUnmap: true);
        return content;
    }

    private MachineDefinition Definition(HypervisorProcess process, string overlay) => new HelloSveMachine("a64fx").ToDefinition(process) with
    {
        Disks = [new DiskDefinition { Name = "data", BasePath = _folder.Base, OverlayPath = overlay, SizeBytes = Size }],
    };

    private static byte[] Read(OverlayDisk disk)
    {
        var content = new byte[disk.SizeBytes];
        disk.Read(0, content);
        return content;
    }

    private static async Task<ControlProblem> Refused(Func<Task> call) => (await Assert.ThrowsAsync<HypervisorControlException>(call)).Problem;
}
