using System.Text.Json;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Tests.Nodes;

public sealed class PowerTests(SharedNode shared) : IClassFixture<SharedNode>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Vm_starts_pauses_resumes_resets_and_stops()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync();

        await node.StartAsync(id);
        VirtualMachineEntity running = await node.GetVmAsync(id);
        Assert.Equal(VmPhase.Running, running.Status!.Phase);
        Assert.Equal(DesiredState.Running, running.DesiredState);
        Assert.NotNull(running.NodeId);
        Assert.Equal(1, running.Status.ObservedGeneration);

        await node.RunAsync(id, OperationKind.VmPause);
        Assert.Equal((VmPhase.Paused, DesiredState.Paused), await StateAsync(node, id));
        await node.RunAsync(id, OperationKind.VmResume);
        Assert.Equal((VmPhase.Running, DesiredState.Running), await StateAsync(node, id));
        await node.RunAsync(id, OperationKind.VmReset);
        Assert.Equal((VmPhase.Running, DesiredState.Running), await StateAsync(node, id));

        using SupervisedProcess process = node.Attach(running);
        OperationEntity stop = await node.RunAsync(id, OperationKind.VmStop, new OperationRequests.Stop(Force: false));
        Assert.Equal(StopOutcome.GuestShutDown, Result(stop).Outcome);
        VirtualMachineEntity stopped = await node.GetVmAsync(id);
        Assert.Equal((VmPhase.Stopped, DesiredState.Stopped), (stopped.Status!.Phase, stopped.DesiredState));
        Assert.Equal(VmExitReason.GuestPowerOff, stopped.Status.LastExit!.Reason);
        Assert.Contains("power button", stopped.Status.LastExit.ConsoleTail);
        Assert.Null(stopped.Status.ProcessId);
        await process.Exited.WaitAsync(TimeSpan.FromSeconds(5), Ct);
    }

    [Theory]
    [InlineData("stubborn", 1, "had not after 1 seconds")]
    [InlineData("deaf", 1, "listens neither")]
    public async Task Guest_that_does_not_shut_down_is_forced_and_said_to_have_been(string behaviour, int timeoutSeconds, string reason)
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync(commandLine: behaviour);
        await node.StartAsync(id);

        OperationEntity stop = await node.RunAsync(id, OperationKind.VmStop, new OperationRequests.Stop(Force: false, timeoutSeconds));

        Assert.Equal(StopOutcome.Forced, Result(stop).Outcome);
        Assert.Contains(reason, Result(stop).Detail, StringComparison.Ordinal);
        VmExit exit = (await node.GetVmAsync(id)).Status!.LastExit!;
        Assert.Equal((VmExitReason.Forced, Result(stop).Detail), (exit.Reason, exit.Detail));
        Assert.Contains("power button", exit.ConsoleTail);
        Assert.Equal(1, await node.ScalarAsync(
            $"SELECT count(*) FROM outbox_events WHERE type = 'vm.stopped' AND vm_id = '{id}' AND data->>'outcome' = 'forced'"));
    }

    [Fact]
    public async Task Forced_stop_asks_nobody_and_a_stopped_vm_has_nobody_to_ask()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync();
        await node.StartAsync(id);

        OperationEntity forced = await node.RunAsync(id, OperationKind.VmStop, new OperationRequests.Stop(Force: true));
        Assert.Equal(StopOutcome.Forced, Result(forced).Outcome);
        Assert.DoesNotContain("power button", (await node.GetVmAsync(id)).Status!.LastExit!.ConsoleTail);

        OperationEntity again = await node.RunAsync(id, OperationKind.VmStop, new OperationRequests.Stop(Force: false));
        Assert.Equal(StopOutcome.NotRunning, Result(again).Outcome);
    }

    [Fact]
    public async Task Paused_guest_is_resumed_to_shut_down()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync();
        await node.StartAsync(id);
        await node.RunAsync(id, OperationKind.VmPause);

        OperationEntity stop = await node.RunAsync(id, OperationKind.VmStop, new OperationRequests.Stop(Force: false));

        Assert.Equal(StopOutcome.GuestShutDown, Result(stop).Outcome);
    }

    [Fact]
    public async Task Guest_that_switches_itself_off_is_wanted_stopped()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync(commandLine: "off", restartPolicy: RestartPolicy.OnFailure);

        await node.WaitAsync(await node.EnqueueAsync(id, OperationKind.VmStart));
        VirtualMachineEntity vm = await node.WaitForPhaseAsync(id, VmPhase.Stopped);

        Assert.Equal(DesiredState.Stopped, vm.DesiredState);
        Assert.Equal(VmExitReason.GuestPowerOff, vm.Status!.LastExit!.Reason);
        Assert.Contains("fake guest started", vm.Status.LastExit.ConsoleTail);
    }

    [Fact]
    public async Task Killed_process_is_a_crash_with_console_tail_and_touches_no_other_vm()
    {
        TestNode node = shared.Node;
        Guid victim = await node.AddVmAsync();
        Guid bystander = await node.AddVmAsync();
        await node.StartAsync(victim);
        await node.StartAsync(bystander);
        VirtualMachineEntity before = await node.GetVmAsync(bystander);

        using (SupervisedProcess process = node.Attach(await node.GetVmAsync(victim)))
            await process.KillAsync(Ct);
        VirtualMachineEntity crashed = await node.WaitForPhaseAsync(victim, VmPhase.Crashed);

        Assert.Equal(VmExitReason.HypervisorKilled, crashed.Status!.LastExit!.Reason);
        Assert.Contains("SIGKILL", crashed.Status.LastExit.Detail, StringComparison.Ordinal);
        Assert.Contains("fake guest started", crashed.Status.LastExit.ConsoleTail);
        VirtualMachineEntity after = await node.GetVmAsync(bystander);
        Assert.Equal((before.Status!.ProcessId, VmPhase.Running), (after.Status!.ProcessId, after.Status.Phase));

        // Never restarts by itself, but does when asked.
        await node.StartAsync(victim);
        Assert.Equal(VmPhase.Running, (await node.GetVmAsync(victim)).Status!.Phase);
    }

    [Fact]
    public async Task Restart_policy_brings_a_failed_guest_back()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync(restartPolicy: RestartPolicy.OnFailure);
        await node.StartAsync(id);
        VirtualMachineEntity first = await node.GetVmAsync(id);

        using (SupervisedProcess process = node.Attach(first))
            await process.KillAsync(Ct);
        await TestNode.UntilAsync(
            async () => await node.GetVmAsync(id) is { Status: { Phase: VmPhase.Running } status } && status.ProcessId != first.Status!.ProcessId,
            () => "a restart:\n" + node.Log());

        Assert.Equal(1, (await node.GetVmAsync(id)).Status!.RestartCount);
    }

    [Fact]
    public async Task Deleted_vm_leaves_nothing_on_the_node()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync();
        await node.StartAsync(id);
        using SupervisedProcess process = node.Attach(await node.GetVmAsync(id));

        await node.RunAsync(id, OperationKind.VmDelete, new OperationRequests.Stop(Force: true));

        await process.Exited.WaitAsync(TimeSpan.FromSeconds(5), Ct);
        Assert.NotNull((await node.GetVmAsync(id)).DeletedAt);
        await TestNode.UntilAsync(
            () => Task.FromResult(!Directory.Exists(Path.Combine(node.StateDirectory, "vms", id.ToString()))), () => "the files to go");
    }

    [Fact]
    public async Task Forced_stop_takes_the_place_of_an_operation_under_way()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync(commandLine: "touch=200", memoryMiB: 64);
        await node.StartAsync(id);
        Guid snapshot = await node.EnqueueAsync(id, OperationKind.VmSnapshot, new OperationRequests.TakeSnapshot(Guid.CreateVersion7(), "s", null, null));

        Guid stop;
        await using (CloudVmDbContext db = node.NewContext())
        {
            // What the Api does for :stop {"force": true}: ends the running one and adds the stop, in one transaction.
            OperationEntity running = (await db.FindActiveOperationAsync(id, Ct))!;
            await using var transaction = await db.Database.BeginTransactionAsync(Ct);
            db.Cancel(running, "superseded", "Superseded by a forced stop.", DateTimeOffset.UtcNow);
            await db.SaveChangesAsync(Ct);
            stop = db.Enqueue(
                new NewOperation
                {
                    Kind = OperationKind.VmStop,
                    ProjectId = ProjectEntity.DefaultId,
                    VmId = id,
                    Target = new("vm", id.ToString(), null),
                    Request = new OperationRequests.Stop(Force: true),
                    CreatedBy = "test",
                },
                TimeProvider.System).Id;
            await db.SaveChangesAsync(Ct);
            await transaction.CommitAsync(Ct);
        }

        Assert.Equal(OperationState.Succeeded, (await node.WaitAsync(stop)).State);
        Assert.Equal(OperationState.Cancelled, (await node.WaitAsync(snapshot)).State);
        Assert.Equal((VmPhase.Stopped, DesiredState.Stopped), await StateAsync(node, id));
        Assert.Equal(0, await node.ScalarAsync($"SELECT count(*) FROM snapshots WHERE vm_id = '{id}'"));
    }

    [Fact]
    public async Task Unstartable_definition_ends_the_operation_with_the_reason()
    {
        TestNode node = shared.Node;
        Guid id = await node.AddVmAsync(cpu: new CpuSpec { Sve = new SveSpec { Enabled = true, MaxVectorLengthBits = 384 } });

        OperationEntity operation = await node.WaitAsync(await node.EnqueueAsync(id, OperationKind.VmStart));

        Assert.Equal(OperationState.Failed, operation.State);
        Assert.Contains("384", operation.Problem, StringComparison.Ordinal);
        Assert.Equal((VmPhase.Stopped, DesiredState.Stopped), await StateAsync(node, id));
    }

    private static StopVmResult Result(OperationEntity operation) =>
        JsonSerializer.Deserialize<StopVmResult>(operation.Result!, CloudVmJson.Options)!;

    private static async Task<(VmPhase Phase, DesiredState Desired)> StateAsync(TestNode node, Guid id)
    {
        VirtualMachineEntity vm = await node.GetVmAsync(id);
        return (vm.Status!.Phase, vm.DesiredState);
    }
}
