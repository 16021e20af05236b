using System.Text.Json;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Testing;
using CloudVm.Worker.Supervision;
using Npgsql;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>
/// <c>kill -9</c> in the middle of operations, at moments drawn from a seed. Whatever was under way ends, nothing half done is visible, and
/// who was not killed goes on.
/// </summary>
public sealed class CrashTests(PostgresFixture postgres)
{
    private const string OrphansSql = """
        SELECT count(*) FROM chunks c WHERE NOT EXISTS (
            SELECT FROM snapshot_manifest_parts p, generate_series(0, octet_length(p.hashes) / 32 - 1) AS i
            WHERE substring(p.hashes FROM i * 32 + 1 FOR 32) = c.hash)
        """;

    private static readonly Dictionary<string, string> QuickCollection = new() { ["CLOUDVM_GC_SECONDS"] = "1" };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static int Rounds => Environment.GetEnvironmentVariable("CLOUDVM_TEST_LONG") is { Length: > 0 } ? 25 : 4;

    /// <summary>
    /// The Worker has seen the process alive and waits for the operations, which are locked; the process ends before it decides what to do.
    /// </summary>
    [Fact]
    public async Task A_guest_that_ends_between_observing_and_deciding_is_a_crash_and_no_reason_to_start_it()
    {
        await using TestNode node = await TestNode.StartAsync(postgres);
        Guid vm = await node.AddVmAsync();
        await node.StartAsync(vm);
        VirtualMachineEntity before = await node.GetVmAsync(vm);

        await using (NpgsqlConnection blocker = await node.Source.OpenConnectionAsync(Ct))
        await using (NpgsqlTransaction transaction = await blocker.BeginTransactionAsync(Ct))
        {
            await using (NpgsqlCommand locking = new("LOCK TABLE operations IN ACCESS EXCLUSIVE MODE", blocker, transaction))
                await locking.ExecuteNonQueryAsync(Ct);
            await using (NpgsqlCommand news = node.Source.CreateCommand("SELECT pg_notify('cloudvm_work', $1)"))
            {
                news.Parameters.Add(new() { Value = vm.ToString() });
                await news.ExecuteNonQueryAsync(Ct);
            }

            await node.WaitForAsync(
                """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                    AND query LIKE '%vm_id = $1%'
                """, waiting => waiting > 0);
            using SupervisedProcess process = node.Attach(before);
            await process.KillAsync(Ct);
        }

        VirtualMachineEntity after = await node.WaitForPhaseAsync(vm, VmPhase.Crashed);
        Assert.Equal(VmExitReason.HypervisorKilled, after.Status!.LastExit!.Reason);
    }

    [Fact]
    public async Task Killed_worker_is_succeeded_by_one_that_finishes_its_operations()
    {
        int seed = Seed();
        Random random = new(seed);
        await using TestNode node = await TestNode.StartAsync(postgres, QuickCollection);
        Guid bystander = await node.AddVmAsync(commandLine: "touch=10");
        await node.StartAsync(bystander);
        int? process = (await node.GetVmAsync(bystander)).Status!.ProcessId;
        Guid vm = await node.AddVmAsync(commandLine: "touch=60");
        await node.StartAsync(vm);
        Guid snapshot = await node.SnapshotAsync(vm, "base");

        for (int round = 0; round < Rounds; round++)
        {
            Guid operation = await EnqueueRandomAsync(node, vm, snapshot, random, round);
            await Task.Delay(random.Next(150), Ct);
            await node.KillWorkerAsync();
            await node.StartWorkerAsync();

            OperationEntity ended = await node.WaitAsync(operation);
            Assert.True(ended.State == OperationState.Succeeded, $"seed {seed}, round {round}: {ended.Kind} {ended.State} {ended.Problem}\n{node.Log()}");
            VirtualMachineEntity other = await node.WaitForPhaseAsync(bystander, VmPhase.Running);
            Assert.True(other.Status!.ProcessId == process, $"seed {seed}, round {round}: the bystander's process changed\n{node.Log()}");
        }

        await node.StartAsync(vm);
        await AssertNothingIsLeftAsync(node);
        Assert.True(ProcessIdentity.TryRead(process!.Value, out _));
    }

    [Fact]
    public async Task Killed_hypervisor_ends_its_operation_and_no_other()
    {
        int seed = Seed();
        Random random = new(seed);
        await using TestNode node = await TestNode.StartAsync(postgres, QuickCollection);
        Guid bystander = await node.AddVmAsync(commandLine: "touch=10");
        await node.StartAsync(bystander);
        int? process = (await node.GetVmAsync(bystander)).Status!.ProcessId;
        Guid vm = await node.AddVmAsync(commandLine: "touch=60");
        await node.StartAsync(vm);
        Guid snapshot = await node.SnapshotAsync(vm, "base");

        for (int round = 0; round < Rounds; round++)
        {
            Guid operation = await EnqueueRandomAsync(node, vm, snapshot, random, round);
            await Task.Delay(random.Next(120), Ct);
            await KillProcessOfAsync(node, vm);

            OperationEntity ended = await node.WaitAsync(operation);
            string what = $"seed {seed}, round {round}: {ended.Kind} {ended.State} {ended.Problem}";
            VirtualMachineEntity? after = null;
            await TestNode.UntilAsync(
                async () =>
                {
                    after = await node.GetVmAsync(vm);
                    return after.Status!.Phase is VmPhase.Running or VmPhase.Crashed or VmPhase.Stopped
                        && (after.Status.Phase == VmPhase.Running) == (after.Status.ProcessId is { } pid && ProcessIdentity.TryRead(pid, out _));
                },
                () => $"{what}: the VM to settle, it is {after!.Status!.Phase}\n{node.Log()}");
            Assert.Equal(process, (await node.GetVmAsync(bystander)).Status!.ProcessId);
            await node.StartAsync(vm);
        }

        await AssertNothingIsLeftAsync(node);
    }

    [Fact]
    public async Task Idle_processes_of_a_killed_worker_are_used_and_not_leaked()
    {
        await using TestNode node = await TestNode.StartAsync(postgres);
        await TestNode.UntilAsync(() => Task.FromResult(Sockets(node) == 1), () => "the warm pool:\n" + node.Log());
        for (int round = 0; round < 2; round++)
        {
            await node.KillWorkerAsync();
            await node.StartWorkerAsync();
        }

        Guid vm = await node.AddVmAsync();
        await node.StartAsync(vm);
        await TestNode.UntilAsync(() => Task.FromResult(Sockets(node) == 2), () => $"one idle process beside the VM's, there are {Sockets(node) - 1}:\n" + node.Log());
    }

    [Fact]
    public async Task Second_worker_of_the_same_node_is_refused()
    {
        await using TestNode node = await TestNode.StartAsync(postgres);
        using SupervisedProcess second = node.SpawnWorker();
        ProcessExit exit = await second.Exited.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        Assert.True(exit.ExitCode is > 0 || exit.Signal is not null);
        Assert.True(node.Log().Contains("one node has one Worker", StringComparison.Ordinal), node.Log());
    }

    private static int Seed()
    {
        int seed = Environment.GetEnvironmentVariable("CLOUDVM_TEST_SEED") is { Length: > 0 } given
            ? int.Parse(given, System.Globalization.CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed} (CLOUDVM_TEST_SEED)");
        return seed;
    }

    private static int Sockets(TestNode node) => Directory.EnumerateFiles(node.RunDirectory, "*.sock").Count();

    private static async Task<Guid> EnqueueRandomAsync(TestNode node, Guid vm, Guid snapshot, Random random, int round) => random.Next(3) switch
    {
        0 => await node.EnqueueAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot)),
        1 when (await node.GetVmAsync(vm)).Status!.Phase == VmPhase.Running => await node.EnqueueAsync(
            vm, OperationKind.VmSnapshot, new OperationRequests.TakeSnapshot(Guid.CreateVersion7(), $"round-{round}", null, null)),
        _ => await node.EnqueueAsync(vm, OperationKind.VmStart),
    };

    private static async Task KillProcessOfAsync(TestNode node, Guid vm)
    {
        string record = Path.Combine(node.StateDirectory, "vms", vm.ToString(), "machine.json");
        if (!File.Exists(record))
            return;
        ProcessRecord process = JsonSerializer.Deserialize<ProcessRecord>(await File.ReadAllTextAsync(record, Ct), JsonSerializerOptions.Web)!;
        await node.KillAsync(process.Identity);
    }

    private static async Task AssertNothingIsLeftAsync(TestNode node)
    {
        Assert.Equal(0, await node.ScalarAsync("SELECT count(*) FROM operations WHERE state IN ('pending', 'running', 'cancelling')"));
        await node.WaitForAsync("SELECT count(*) FROM upload_sessions", count => count == 0);
        Assert.Equal(0, await node.ScalarAsync("SELECT count(*) FROM snapshots s WHERE NOT EXISTS (SELECT FROM snapshot_manifest_parts WHERE snapshot_id = s.id)"));
        await node.WaitForAsync(OrphansSql, count => count == 0);
    }
}
