using CloudVm.Contracts.Control;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Snapshots;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Tests.Nodes;

public sealed class SnapshotTests(SharedNode shared) : IClassFixture<SharedNode>
{
    private const ulong RamBase = 0x4000_0000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Restore_in_place_brings_memory_and_scrollback_back_and_marks_the_log()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=5");
        await node.StartAsync(vm);
        VirtualMachineEntity before = await node.GetVmAsync(vm);
        using HypervisorClient client = new(before.Status!.SocketPath!, before.Status.Epoch);
        byte[] content = await client.ReadMemoryAsync(RamBase + 0x10000, 64, Ct);
        Guid snapshot = await node.SnapshotAsync(vm, "before");

        await client.WriteMemoryAsync(RamBase + 0x10000, new byte[64], Ct);
        await client.WriteMemoryAsync(RamBase + 0x90000, new byte[] { 1, 2, 3 }, Ct);
        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot));

        Assert.Equal(content, await client.ReadMemoryAsync(RamBase + 0x10000, 64, Ct));
        Assert.Equal(new byte[3], await client.ReadMemoryAsync(RamBase + 0x90000, 3, Ct));
        VirtualMachineEntity after = await node.GetVmAsync(vm);
        Assert.Equal((VmPhase.Running, before.Status.ProcessId), (after.Status!.Phase, after.Status.ProcessId));
        using HttpClient http = node.NewHttpClient();
        string log = await http.GetStringAsync($"vms/{vm}/console/log", Ct);
        Assert.Contains("--- restored from snapshot before ---", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stopped_vm_is_restored_into_a_new_process()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=3");
        await node.StartAsync(vm);
        Guid snapshot = await node.SnapshotAsync(vm, "s");
        await node.RunAsync(vm, OperationKind.VmStop, new OperationRequests.Stop(Force: true));

        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot));

        VirtualMachineEntity restored = await node.GetVmAsync(vm);
        Assert.Equal((VmPhase.Running, DesiredState.Running), (restored.Status!.Phase, restored.DesiredState));
        using HypervisorClient client = new(restored.Status.SocketPath!);
        byte[] expected = new byte[64];
        new Random(2).NextBytes(expected);
        Assert.Equal(expected, await client.ReadMemoryAsync(RamBase + 0x20000, 64, Ct));
    }

    [Fact]
    public async Task Second_snapshot_reads_only_what_was_written_and_shares_the_rest()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=40");
        await node.StartAsync(vm);
        Guid first = await node.SnapshotAsync(vm, "first");
        VirtualMachineEntity running = await node.GetVmAsync(vm);
        using HypervisorClient client = new(running.Status!.SocketPath!, running.Status.Epoch);
        byte[] noise = new byte[5000];
        new Random(4711).NextBytes(noise);
        await client.WriteMemoryAsync(RamBase + 0x30000, noise, Ct);

        Guid second = await node.SnapshotAsync(vm, "second");

        await using CloudVmDbContext db = node.NewContext();
        SnapshotEntity[] rows = await db.Snapshots.Where(s => s.VmId == vm).OrderBy(s => s.CreatedAt).ToArrayAsync(Ct);
        Assert.Equal([first, second], rows.Select(s => s.Id));
        Assert.Equal([40, 40], rows.Select(s => s.ChunkCount));
        Assert.InRange(rows[1].StoredBytes, 5000, 7000);
        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(first));
        Assert.NotEqual(noise, await client.ReadMemoryAsync(RamBase + 0x30000, noise.Length, Ct));
        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(second));
        Assert.Equal(noise, await client.ReadMemoryAsync(RamBase + 0x30000, noise.Length, Ct));
    }

    [Fact]
    public async Task Snapshot_that_does_not_fit_is_refused_with_every_reason_and_the_guest_goes_on()
    {
        TestNode node = shared.Node;
        Guid source = await node.AddVmAsync();
        await node.StartAsync(source);
        Guid snapshot = await node.SnapshotAsync(source, "s");
        Guid other = await node.AddVmAsync(memoryMiB: 32, cpu: new CpuSpec { Sve = new SveSpec { Enabled = true, MaxVectorLengthBits = 512 } });
        await node.StartAsync(other);
        int? process = (await node.GetVmAsync(other)).Status!.ProcessId;

        OperationEntity refused = await node.WaitAsync(await node.EnqueueAsync(other, OperationKind.VmRestore, new OperationRequests.Restore(snapshot)));

        Assert.Equal(OperationState.Failed, refused.State);
        Assert.Contains("memoryDiffers", refused.Problem, StringComparison.Ordinal);
        Assert.Contains("vectorLengthsDiffer", refused.Problem, StringComparison.Ordinal);
        Assert.Contains("{128, 256, 512}", refused.Problem, StringComparison.Ordinal);
        VirtualMachineEntity after = await node.GetVmAsync(other);
        Assert.Equal((VmPhase.Running, process), (after.Status!.Phase, after.Status.ProcessId));
    }

    [Fact]
    public async Task Fork_makes_a_vm_of_a_snapshot_or_of_a_running_vm()
    {
        TestNode node = shared.Node;
        Guid source = await node.AddVmAsync(commandLine: "touch=3");
        await node.StartAsync(source);
        Guid snapshot = await node.SnapshotAsync(source, "s");
        Guid fromSnapshot = await node.AddVmAsync(commandLine: "touch=3");
        await node.RunAsync(fromSnapshot, OperationKind.VmFork, new OperationRequests.Restore(snapshot));
        Guid fromVm = await node.AddVmAsync(commandLine: "touch=3");
        await node.RunForkAsync(source, fromVm);

        Assert.Equal(VmPhase.Running, (await node.GetVmAsync(source)).Status!.Phase);
        foreach (Guid fork in new[] { fromSnapshot, fromVm })
        {
            VirtualMachineEntity vm = await node.GetVmAsync(fork);
            Assert.Equal(VmPhase.Running, vm.Status!.Phase);
            using HypervisorClient client = new(vm.Status.SocketPath!);
            Assert.NotEqual(new byte[64], await client.ReadMemoryAsync(RamBase + 0x20000, 64, Ct));
        }

        Assert.Equal(1, await node.ScalarAsync($"SELECT count(*) FROM snapshots WHERE vm_id = '{source}'"));
    }

    [Fact]
    public async Task Verify_names_damage_and_restore_refuses_it()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=6", memoryMiB: 20);
        await node.StartAsync(vm);
        VirtualMachineEntity running = await node.GetVmAsync(vm);
        using HypervisorClient client = new(running.Status!.SocketPath!, running.Status.Epoch);
        byte[] unique = Guid.NewGuid().ToByteArray();
        await client.WriteMemoryAsync(RamBase + 0x100000, unique, Ct);
        Guid snapshot = await node.SnapshotAsync(vm, "s");
        Assert.Equal("ok", await VerifyAsync(node, snapshot));

        byte[] chunk = new byte[ControlProtocol.ChunkBytes];
        unique.CopyTo(chunk, 0);
        string hash = ChunkHash.Of(chunk).ToString();
        Assert.Equal(1, await node.ScalarAsync($"WITH gone AS (DELETE FROM chunks WHERE hash = '\\x{hash}' RETURNING 1) SELECT count(*) FROM gone"));
        Assert.Contains($"Chunk {hash} is missing", await VerifyAsync(node, snapshot), StringComparison.Ordinal);
        OperationEntity refused = await node.WaitAsync(await node.EnqueueAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot)));
        Assert.Contains("missing", refused.Problem, StringComparison.Ordinal);
        Assert.Equal(VmPhase.Running, (await node.GetVmAsync(vm)).Status!.Phase);

        await node.ScalarAsync($"WITH torn AS (UPDATE snapshot_sections SET data = data || '\\x00' WHERE snapshot_id = '{snapshot}' RETURNING 1) SELECT count(*) FROM torn");
        Assert.Contains("does not match its CRC", await VerifyAsync(node, snapshot), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Taken_name_fails_the_operation_and_leaves_no_session()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync();
        await node.StartAsync(vm);
        await node.SnapshotAsync(vm, "twice");

        OperationEntity second = await node.WaitAsync(await node.EnqueueAsync(
            vm, OperationKind.VmSnapshot, new OperationRequests.TakeSnapshot(Guid.CreateVersion7(), "twice", null, null)));

        Assert.Equal(OperationState.Failed, second.State);
        Assert.Contains("nameTaken", second.Problem, StringComparison.Ordinal);
        Assert.Equal(0, await node.ScalarAsync($"SELECT count(*) FROM upload_sessions WHERE operation_id = '{second.Id}'"));
        Assert.Equal(VmPhase.Running, (await node.GetVmAsync(vm)).Status!.Phase);
    }

    private static async Task<string> VerifyAsync(TestNode node, Guid snapshot)
    {
        await node.RunAsync(null, OperationKind.SnapshotVerify, target: snapshot.ToString());
        await using CloudVmDbContext db = node.NewContext();
        return (await db.Snapshots.FirstAsync(s => s.Id == snapshot, Ct)).VerifyResult!;
    }
}
