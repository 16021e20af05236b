using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Schedules;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Tests.Nodes;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Tests.Schedules;

public sealed class ScheduleRunTests(SharedNode shared) : IClassFixture<SharedNode>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Schedules_take_snapshots_prune_them_and_stop_when_deleted()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=4");
        await node.StartAsync(vm);

        Guid schedule = await AddScheduleAsync(vm, "often", "* * * * * *", keepLast: 2);
        await node.WaitForAsync($"SELECT count(*) FROM schedule_runs WHERE schedule_id = '{schedule}' AND outcome = 'succeeded'", n => n >= 4);
        await node.WaitForAsync($"SELECT count(*) FROM operations WHERE created_by = 'schedule:{schedule}' AND kind = 'snapshotDelete' AND state = 'succeeded'", n => n >= 1);

        await using (CloudVmDbContext db = node.NewContext())
        {
            Assert.NotNull((await db.SnapshotSchedules.FirstAsync(s => s.Id == schedule, Ct)).NextRunAt);
            await db.SnapshotSchedules.Where(s => s.Id == schedule).ExecuteDeleteAsync(Ct);
        }

        await node.WaitForAsync("SELECT count(*) FROM quartz.qrtz_triggers", n => n == 0);
    }

    [Fact]
    public async Task Two_schedules_of_one_vm_and_one_of_a_stopped_vm_have_runs_of_their_own()
    {
        TestNode node = shared.Node;
        Guid running = await node.AddVmAsync();
        await node.StartAsync(running);
        Guid stopped = await node.AddVmAsync();
        Guid one = await AddScheduleAsync(running, "one", "*/2 * * * * *", keepLast: 50);
        Guid two = await AddScheduleAsync(running, "two", "1-59/2 * * * * *", keepLast: 50);
        Guid idle = await AddScheduleAsync(stopped, "idle", "* * * * * *", keepLast: 50);

        foreach (Guid schedule in new[] { one, two })
            await node.WaitForAsync($"SELECT count(*) FROM snapshots WHERE schedule_id = '{schedule}' AND state = 'ready'", n => n >= 2);
        await node.WaitForAsync($"SELECT count(*) FROM schedule_runs WHERE schedule_id = '{idle}' AND outcome = 'skipped'", n => n >= 2);
        Assert.Equal(0, await node.ScalarAsync($"SELECT count(*) FROM operations WHERE vm_id = '{stopped}'"));

        await using CloudVmDbContext db = node.NewContext();
        await db.SnapshotSchedules.Where(s => s.VmId == running || s.VmId == stopped).ExecuteDeleteAsync(Ct);
    }

    [Fact]
    public async Task Scheduled_snapshot_waits_behind_an_operation_under_way()
    {
        TestNode node = shared.Node;
        Guid vm = await node.AddVmAsync(commandLine: "touch=100");
        await node.StartAsync(vm);
        Guid first = await node.EnqueueAsync(
            vm, OperationKind.VmSnapshot, new Storage.Operations.OperationRequests.TakeSnapshot(Guid.CreateVersion7(), "first", null, null));
        Guid second = await node.EnqueueAsync(
            vm, OperationKind.VmSnapshot, new Storage.Operations.OperationRequests.TakeSnapshot(Guid.CreateVersion7(), "second", null, null), queued: true);

        OperationEntity before = await node.WaitAsync(first);
        OperationEntity after = await node.WaitAsync(second);
        Assert.Equal((OperationState.Succeeded, OperationState.Succeeded), (before.State, after.State));
        Assert.True(after.StartedAt >= before.EndedAt);
    }

    private async Task<Guid> AddScheduleAsync(Guid vm, string name, string cron, int keepLast)
    {
        await using CloudVmDbContext db = shared.Node.NewContext();
        SnapshotScheduleEntity schedule = new()
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            VmId = vm,
            Name = name,
            Cron = cron,
            TimeZone = "Europe/Berlin",
            KeepLast = keepLast,
            MissedRunPolicy = MissedRunPolicy.Skip,
            Enabled = true,
            CreatedAt = DateTimeOffset.UtcNow,
        };
        db.SnapshotSchedules.Add(schedule);
        await db.SaveChangesAsync(Ct);
        return schedule.Id;
    }
}
