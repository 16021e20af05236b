using CloudVm.Contracts.Control;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>Disks on a node. The stand-in's guest writes byte N all over block N when it boots with <c>disk=N</c>.</summary>
public sealed class DiskTests(SharedNode shared) : IClassFixture<SharedNode>
{
    private const int Block = ControlProtocol.ChunkBytes;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_guest_wrote_is_there_after_stop_kill_and_growth()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "disk=3", disks: [Disk("data", 4)]);
        await node.StartAsync(vm);
        Assert.Equal([3], await WrittenAsync(node, vm));
        await RestartAsync(node, vm, "disk=5");
        Assert.Equal([3, 5], await WrittenAsync(node, vm));

        await node.RunAsync(vm, OperationKind.VmStop, new OperationRequests.Stop(Force: true));
        await ChangeAsync(node, vm, v => v.Disks = [Disk("data", 8)]);
        await node.StartAsync(vm);
        Assert.Equal([3, 5], await WrittenAsync(node, vm));
        await TestNode.UntilAsync(
            async () => (await node.GetVmAsync(vm)).Status!.Disks is [{ SizeBytes: 8 << 20, AllocatedBytes: 2 * Block }],
            () => "the disk's size to be told");

        await node.RunAsync(vm, OperationKind.VmDelete, new OperationRequests.Stop(Force: true));
        await TestNode.UntilAsync(
            () => Task.FromResult(!Directory.Exists(Path.Combine(node.StateDirectory, "vms", vm.ToString()))), () => "the VM's files to go");
    }

    [Fact]
    public async Task Restore_brings_disks_back_to_the_snapshot_and_they_stay_so()
    {
        TestNode node = shared.Node;
        ImageReference image = await node.AddDiskImageAsync(new byte[1 << 20]);
        Guid vm = await node.AddVmAsync(commandLine: "disk=1 disk=2", disks: [Disk("root", 1, image), Disk("data", 2)]);
        await node.StartAsync(vm);
        Guid snapshot = await node.SnapshotAsync(vm, "s");
        await using (CloudVmDbContext db = node.NewContext())
        {
            SnapshotEntity row = await db.Snapshots.FirstAsync(s => s.Id == snapshot, Ct);
            Assert.Equal([("root", 2L * Block), ("data", 0L)], row.Disks.Select(d => (d.Name, d.AllocatedBytes)));
            Assert.Equal(image, row.Disks[0].Image);
            Assert.Equal(2, row.ChunkCount);
        }

        await RestartAsync(node, vm, "disk=7");
        Assert.Equal([1, 2, 7], await WrittenAsync(node, vm));
        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot));
        Assert.Equal([1, 2], await WrittenAsync(node, vm));
        await RestartAsync(node, vm, commandLine: null);
        Assert.Equal([1, 2], await WrittenAsync(node, vm));
        Assert.Single(Directory.GetDirectories(Path.Combine(node.StateDirectory, "vms", vm.ToString(), "disks")));
    }

    [Fact]
    public async Task Second_snapshot_stores_only_changed_blocks_and_a_fork_has_them_all()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "disk=101 disk=102", disks: [Disk("data", 16)]);
        await node.StartAsync(vm);
        await node.SnapshotAsync(vm, "first");
        Guid second = await node.SnapshotAsync(vm, "second");
        await using CloudVmDbContext db = node.NewContext();
        SnapshotEntity row = await db.Snapshots.FirstAsync(s => s.Id == second, Ct);
        Assert.Equal((2, 0L), (row.ChunkCount, row.StoredBytes));

        await node.RunAsync(vm, OperationKind.VmDelete, new OperationRequests.Stop(Force: true));
        Guid fork = await node.AddVmAsync(disks: [Disk("data", 16)]);
        await node.RunAsync(fork, OperationKind.VmFork, new OperationRequests.Restore(second));
        Assert.Equal([101, 102], await WrittenAsync(node, fork));
    }

    [Fact]
    public async Task Verification_finds_a_missing_block()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "disk=55", disks: [Disk("data", 16)]);
        await node.StartAsync(vm);
        Guid snapshot = await node.SnapshotAsync(vm, "s");
        await node.RunAsync(null, OperationKind.SnapshotVerify, target: snapshot.ToString());
        await using CloudVmDbContext db = node.NewContext();
        Assert.Equal("ok", await ResultAsync());

        byte[] hash = (await db.SnapshotDiskParts.FirstAsync(p => p.SnapshotId == snapshot, Ct)).Hashes;
        await db.Chunks.Where(c => c.Hash == hash).ExecuteDeleteAsync(Ct);
        await node.RunAsync(null, OperationKind.SnapshotVerify, target: snapshot.ToString());
        Assert.Equal($"Chunk {Convert.ToHexStringLower(hash)} is missing.", await ResultAsync());

        // A restore is refused before anything of the present guest is touched.
        OperationEntity refused = await node.WaitAsync(await node.EnqueueAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot)));
        Assert.Contains("1 chunks of the snapshot are missing", refused.Problem, StringComparison.Ordinal);
        Assert.Equal([55], await WrittenAsync(node, vm));

        Task<string?> ResultAsync() => db.Snapshots.Where(s => s.Id == snapshot).Select(s => s.VerifyResult).FirstAsync(Ct);
    }

    [Fact]
    public async Task Other_disks_than_the_snapshots_are_refused_with_every_reason()
    {
        TestNode node = shared.Node;
        Guid source = await node.AddVmAsync(disks: [Disk("a", 1), Disk("b", 1)]);
        await node.StartAsync(source);
        Guid snapshot = await node.SnapshotAsync(source, "s");
        ImageReference image = await node.AddDiskImageAsync(new byte[512]);
        Guid other = await node.AddVmAsync(disks: [Disk("a", 1, image), Disk("b", 2), Disk("c", 1)]);

        OperationEntity refused = await node.WaitAsync(await node.EnqueueAsync(other, OperationKind.VmRestore, new OperationRequests.Restore(snapshot)));

        Assert.Equal(OperationState.Failed, refused.State);
        foreach (string reason in (string[])["The snapshot has 2 disks, the VM 3", "over image", "'b' of 1 MiB without an image"])
            Assert.Contains(reason, refused.Problem!.Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_base_that_cannot_be_had_is_a_reason()
    {
        TestNode node = shared.Node;
        ImageReference image = await node.AddDiskImageAsync([1, .. new byte[511]]);
        await using (CloudVmDbContext db = node.NewContext())
            await db.ImageParts.Where(p => p.ImageId == image.Id).ExecuteUpdateAsync(s => s.SetProperty(p => p.Data, new byte[] { 2 }), Ct);
        Guid vm = await node.AddVmAsync(disks: [Disk("root", 1, image)]);

        OperationEntity refused = await node.WaitAsync(await node.EnqueueAsync(vm, OperationKind.VmStart));

        Assert.Contains("/disks/0/image", refused.Problem, StringComparison.Ordinal);
        Assert.Contains("do not have its SHA-256", refused.Problem, StringComparison.Ordinal);
    }

    private static VmDisk Disk(string name, long sizeMiB, ImageReference? image = null) => new() { Name = name, SizeMiB = sizeMiB, Image = image };

    private static async Task RestartAsync(TestNode node, Guid vm, string? commandLine)
    {
        await node.RunAsync(vm, OperationKind.VmStop, new OperationRequests.Stop(Force: true));
        await ChangeAsync(node, vm, v => v.CommandLine = commandLine);
        await node.StartAsync(vm);
    }

    private static async Task ChangeAsync(TestNode node, Guid vm, Action<VirtualMachineEntity> change)
    {
        await using CloudVmDbContext db = node.NewContext();
        VirtualMachineEntity row = await db.VirtualMachines.FirstAsync(v => v.Id == vm, Ct);
        change(row);
        row.Generation++;
        await db.SaveChangesAsync(Ct);
    }

    /// <summary>Blocks of the first disk that hold what the guest writes.</summary>
    private static async Task<IReadOnlyList<int>> WrittenAsync(TestNode node, Guid vm)
    {
        VmStatusEntity status = (await node.GetVmAsync(vm)).Status!;
        using HypervisorClient client = new(status.SocketPath!, status.Epoch);
        DiskBlockMap map = await client.GetBlockMapAsync((await client.DisksAsync(Ct)).Disks[0].Name, Ct);
        List<int> written = [];
        for (int block = 0; block < map.BlockCount; block++)
        {
            if ((map.Data[block / 8] >> (block % 8) & 1) == 0)
                continue;
            byte[] content = await client.GetBlocksAsync(map.Name, block, 1, Ct);
            Assert.All(content, value => Assert.Equal(block, value));
            written.Add(block);
        }

        return written;
    }
}
