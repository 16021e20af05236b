using System.Globalization;
using CloudVm.Contracts.Schedules;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;
using Quartz;

namespace CloudVm.Worker.Schedules;

/// <summary>Makes the scheduler's triggers agree with <c>snapshot_schedules</c>, which is the truth.</summary>
public sealed partial class ScheduleTriggers(FencedDatabase database, ILogger<ScheduleTriggers> logger)
{
    private const string Group = "snapshot-schedules";

    private static readonly JobKey Job = new("snapshot", Group);

    /// <summary>Compares all schedules with all triggers; repeating it changes nothing.</summary>
    public async Task SynchroniseAsync(IScheduler scheduler, CancellationToken ct)
    {
        List<SnapshotScheduleEntity> schedules = await database.ReadAsync(
            (db, token) => db.SnapshotSchedules.Where(s => s.Enabled).ToListAsync(token), ct).ConfigureAwait(false);
        IJobDetail job = JobBuilder.Create<SnapshotScheduleJob>().WithIdentity(Job).StoreDurably().RequestRecovery().Build();
        await scheduler.AddJob(job, new AddJobOptions { Replace = true }, ct).ConfigureAwait(false);

        HashSet<TriggerKey> wanted = [];
        foreach (SnapshotScheduleEntity schedule in schedules)
        {
            TriggerKey key = KeyOf(schedule.Id);
            wanted.Add(key);
            ITrigger? present = await scheduler.GetTrigger(key, ct).ConfigureAwait(false);
            if (present?.Description == FingerprintOf(schedule))
                continue;
            try
            {
                DateTimeOffset next = await scheduler.ScheduleJob(BuildTrigger(schedule, key), new ScheduleJobOptions { Replace = true }, ct).ConfigureAwait(false);
                await WriteNextRunAsync(schedule.Id, next, ct).ConfigureAwait(false);
            }
            catch (Exception unusable) when (unusable is FormatException or TimeZoneNotFoundException or SchedulerException)
            {
                LogUnusable(schedule.Id, unusable.Message);
            }
        }

        foreach (TriggerKey present in await scheduler.GetTriggerKeys(GroupMatcher<TriggerKey>.GroupEquals(Group), ct).ConfigureAwait(false))
        {
            if (!wanted.Contains(present))
                await scheduler.UnscheduleJob(present, ct).ConfigureAwait(false);
        }
    }

    private static TriggerKey KeyOf(Guid scheduleId) => new(scheduleId.ToString("D"), Group);

    /// <summary>Everything a trigger is derived from; another fingerprint means another trigger.</summary>
    private static string FingerprintOf(SnapshotScheduleEntity schedule) =>
        string.Create(CultureInfo.InvariantCulture, $"{schedule.Cron} | {schedule.TimeZone} | {schedule.MissedRunPolicy}");

    private static ITrigger BuildTrigger(SnapshotScheduleEntity schedule, TriggerKey key)
    {
        TimeZoneInfo zone = TimeZoneInfo.FindSystemTimeZoneById(schedule.TimeZone);
        return TriggerBuilder.Create()
            .WithIdentity(key)
            .WithDescription(FingerprintOf(schedule))
            .ForJob(Job)
            .UsingJobData(SnapshotScheduleJob.ScheduleIdKey, schedule.Id.ToString("D"))
            .WithCronSchedule(ScheduleCron.Parse(schedule.Cron, zone), cron => cron.InTimeZone(zone).WithMisfireInstruction(
                schedule.MissedRunPolicy == MissedRunPolicy.RunOnce ? CronTriggerMisfireInstruction.FireAndProceed : CronTriggerMisfireInstruction.DoNothing))
            .Build();
    }

    private Task<int> WriteNextRunAsync(Guid scheduleId, DateTimeOffset next, CancellationToken ct) =>
        database.WriteAsync(
            (db, token) => db.SnapshotSchedules.Where(s => s.Id == scheduleId)
                .ExecuteUpdateAsync(set => set.SetProperty(s => s.NextRunAt, next), token),
            ct);

    [LoggerMessage(1501, LogLevel.Error, "Schedule {ScheduleId} cannot be carried out: {Reason}")]
    private partial void LogUnusable(Guid scheduleId, string reason);
}
