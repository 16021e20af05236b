using Quartz;

namespace CloudVm.Worker.Schedules;

/// <summary>What the scheduler runs. It only hands over, so that the scheduler stays replaceable.</summary>
public sealed class SnapshotScheduleJob(FireSchedule fire) : IJob
{
    /// <summary>Trigger data: the schedule's id.</summary>
    public const string ScheduleIdKey = "scheduleId";

    /// <inheritdoc/>
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken) =>
        await fire.RunAsync(
            Guid.Parse(context.Trigger.JobDataMap.GetString(ScheduleIdKey)!),
            context.ScheduledFireTimeUtc ?? context.FireTimeUtc,
            context.NextFireTimeUtc,
            cancellationToken).ConfigureAwait(false);
}
