using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Schedules;
using CloudVm.Storage.Entities;

namespace CloudVm.Api.Tests;

public sealed class ScheduleTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_schedule_is_created_changed_and_deleted()
    {
        var vm = await api.CreateVmAsync();
        var schedules = api.Client.Schedules;

        var created = await schedules.CreateAsync(
            vm.Id, new ScheduleDefinition { Name = "nightly", Cron = "0 3 * * MON-FRI", TimeZone = "Europe/Berlin", KeepDaily = 30 }, cancellationToken: Cancelled);
        var patched = await schedules.PatchAsync(created.Id, new SchedulePatch { Enabled = false }, new() { IfMatch = created.Etag }, Cancelled);
        var stale = await Assert.ThrowsAsync<CloudVmApiException>(
            () => schedules.ReplaceAsync(created.Id, new ScheduleDefinition { Name = "n", Cron = "0 3 * * *" }, new() { IfMatch = created.Etag }, Cancelled));
        var replaced = await schedules.ReplaceAsync(created.Id, new ScheduleDefinition { Name = "daily", Cron = "30 4 * * *" }, new() { IfMatch = patched.Etag }, Cancelled);

        Assert.Equal((7, 30, true), (created.KeepLast, created.KeepDaily, created.Enabled));
        Assert.Equal((false, "Europe/Berlin"), (patched.Enabled, patched.TimeZone));
        Assert.Equal(412, stale.Problem.Status);
        Assert.Equal(("daily", "UTC", null, true), (replaced.Name, replaced.TimeZone, replaced.KeepDaily, replaced.Enabled));
        await schedules.DeleteAsync(created.Id, cancellationToken: Cancelled);
        Assert.Empty((await schedules.ListOfVmAsync(vm.Id, cancellationToken: Cancelled)).Items);
    }

    [Fact]
    public async Task Every_fault_of_a_schedule_is_named()
    {
        var vm = await api.CreateVmAsync();

        var response = await api.Http.SendJsonAsync(
            HttpMethod.Post,
            $"/vms/{vm.Id}/snapshot-schedules",
            """{"cron":"61 * * * *","timeZone":"Mars/Olympus","keepLast":0,"keepDaily":9999,"missedRunPolicy":"panic","colour":1}""");

        Assert.Equal(
            [
                ("/colour", "unknownField"), ("/cron", "invalidCron"), ("/keepDaily", "outOfRange"), ("/keepLast", "outOfRange"),
                ("/missedRunPolicy", "wrongType"), ("/name", "required"), ("/timeZone", "unknownTimeZone"),
            ],
            (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    [Fact]
    public async Task Runs_are_listed_newest_first_and_the_last_is_shown()
    {
        var vm = await api.CreateVmAsync();
        var schedule = await api.Client.Schedules.CreateAsync(vm.Id, new ScheduleDefinition { Name = "hourly", Cron = "0 * * * *" }, cancellationToken: Cancelled);
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        await using (var context = api.NewContext())
        {
            for (var hour = 0; hour < 3; hour++)
            {
                context.ScheduleRuns.Add(new ScheduleRunEntity
                {
                    Id = Guid.CreateVersion7(),
                    ScheduleId = schedule.Id,
                    ScheduledAt = start.AddHours(hour),
                    FiredAt = start.AddHours(hour),
                    Outcome = ScheduleRunOutcome.Succeeded,
                });
            }

            await context.SaveChangesAsync(Cancelled);
        }

        var runs = await api.Client.Schedules.ListRunsAsync(schedule.Id, new() { PageSize = 2 }, Cancelled);
        var read = await api.Client.Schedules.GetAsync(schedule.Id, Cancelled);

        Assert.Equal([start.AddHours(2), start.AddHours(1)], runs.Items.Select(r => r.ScheduledAt));
        Assert.NotNull(runs.NextPageToken);
        Assert.Equal(start.AddHours(2), read.LastRun!.ScheduledAt);
    }

    [Fact]
    public async Task A_vm_has_several_schedules_each_with_its_own_name()
    {
        var vm = await api.CreateVmAsync();
        var definition = new ScheduleDefinition { Name = "a", Cron = "0 * * * *" };
        await api.Client.Schedules.CreateAsync(vm.Id, definition, cancellationToken: Cancelled);
        await api.Client.Schedules.CreateAsync(vm.Id, definition with { Name = "b" }, cancellationToken: Cancelled);

        var refused = await Assert.ThrowsAsync<CloudVmApiException>(
            () => api.Client.Schedules.CreateAsync(vm.Id, definition, cancellationToken: Cancelled));

        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.Status);
        Assert.Equal(2, (await api.Client.Schedules.ListOfVmAsync(vm.Id, cancellationToken: Cancelled)).Items.Count);
    }
}
