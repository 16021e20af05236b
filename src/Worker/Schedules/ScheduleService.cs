using CloudVm.Storage.Notifications;
using CloudVm.Worker.Data;
using CloudVm.Worker.Nodes;
using Microsoft.EntityFrameworkCore;
using Quartz;

namespace CloudVm.Worker.Schedules;

/// <summary>Runs the clustered scheduler on this node, keeps its triggers up to date and prunes snapshots.</summary>
public sealed partial class ScheduleService(
    ISchedulerFactory schedulers,
    ScheduleTriggers triggers,
    PruneSnapshots prune,
    NodeHeartbeat heartbeat,
    FencedDatabase database,
    DatabaseListener listener,
    ILogger<ScheduleService> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _changed = new(0, 1);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _changed.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await heartbeat.Registered.WaitAsync(stoppingToken).ConfigureAwait(false);
        Task listening = listener.RunAsync([DatabaseChannels.Schedules], OnChanged, (_, _) => OnChanged(), stoppingToken);
        IScheduler? scheduler = null;
        try
        {
            while (true)
            {
                TimeSpan pause = Interval;
                try
                {
                    scheduler ??= await StartSchedulerAsync(stoppingToken).ConfigureAwait(false);
                    await triggers.SynchroniseAsync(scheduler, stoppingToken).ConfigureAwait(false);
                    await PruneAsync(stoppingToken).ConfigureAwait(false);
                }
                catch (Exception away) when (away is SchedulerException || TransientFaults.IsTransient(away))
                {
                    LogWaits(away.Message);
                    pause = Retry;
                }

                await _changed.WaitAsync(pause, stoppingToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (scheduler is not null)
                await scheduler.Shutdown(waitForJobsToComplete: false, CancellationToken.None).ConfigureAwait(false);
            await listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<IScheduler> StartSchedulerAsync(CancellationToken ct)
    {
        IScheduler scheduler = await schedulers.GetScheduler(ct).ConfigureAwait(false);
        await scheduler.Start(ct).ConfigureAwait(false);
        return scheduler;
    }

    private async Task PruneAsync(CancellationToken ct)
    {
        List<Guid> schedules = await database.ReadAsync(
            (db, token) => db.SnapshotSchedules
                .Where(schedule => db.Snapshots.Count(s => s.ScheduleId == schedule.Id) > schedule.KeepLast)
                .Select(schedule => schedule.Id).ToListAsync(token),
            ct).ConfigureAwait(false);
        foreach (Guid schedule in schedules)
            await prune.RunAsync(schedule, ct).ConfigureAwait(false);
    }

    private void OnChanged()
    {
        try
        {
            _changed.Release();
        }
        catch (SemaphoreFullException)
        {
            // A look is due already.
        }
    }

    [LoggerMessage(1511, LogLevel.Warning, "Schedules wait: {Reason}")]
    private partial void LogWaits(string reason);
}
