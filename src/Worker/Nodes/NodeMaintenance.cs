using CloudVm.Storage;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Images;
using CloudVm.Worker.Reconciling;
using CloudVm.Worker.Snapshots;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Nodes;

/// <summary>Does what is due now and then: registers images, finds orphaned processes, fails overdue operations, reads guests'
/// counts, collects chunks.</summary>
public sealed partial class NodeMaintenance(
    WorkerOptions options,
    BuiltInImages images,
    OrphanSweeper orphans,
    ChunkCollector collector,
    GuestStatistics statistics,
    DeviceEvents deviceEvents,
    PasstProcesses passts,
    VmProcesses processes,
    IDbContextFactory<CloudVmDbContext> contexts,
    TimeProvider time,
    ILogger<NodeMaintenance> logger) : BackgroundService
{
    private static readonly TimeSpan LongestInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(30);

    private DateTimeOffset _nextSweep;
    private DateTimeOffset _nextCollection;

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Before the warm pool starts processes of its own: idle ones of an earlier Worker fill it.
        await orphans.SweepAsync(cancellationToken).ConfigureAwait(false);
        await base.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _nextSweep = time.GetUtcNow() + SweepInterval;
        _nextCollection = time.GetUtcNow() + options.GarbageCollectionInterval;
        using PeriodicTimer timer = new(
            options.GarbageCollectionInterval < LongestInterval ? options.GarbageCollectionInterval : LongestInterval, time);
        do
        {
            try
            {
                await RunDueAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                // Nobody waits for this, and the next round tries again.
                if (TransientFaults.IsTransient(failure))
                    LogDatabaseAway(failure.Message);
                else
                    LogFailed(failure);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private async Task RunDueAsync(CancellationToken ct)
    {
        await images.RegisterChangedAsync(ct).ConfigureAwait(false);
        await using (CloudVmDbContext db = await contexts.CreateDbContextAsync(ct).ConfigureAwait(false))
            await db.ExpireOverdueAsync(time, ct).ConfigureAwait(false);
        await passts.RefreshAsync(processes.KnownVms, processes.IsLive, ct).ConfigureAwait(false);
        await statistics.RefreshAsync(ct).ConfigureAwait(false);
        await deviceEvents.RefreshAsync(ct).ConfigureAwait(false);
        DateTimeOffset now = time.GetUtcNow();
        if (now >= _nextSweep)
        {
            _nextSweep = now + SweepInterval;
            await orphans.SweepAsync(ct).ConfigureAwait(false);
        }

        if (now >= _nextCollection)
        {
            _nextCollection = now + options.GarbageCollectionInterval;
            await collector.CollectAsync(ct).ConfigureAwait(false);
        }
    }

    [LoggerMessage(1251, LogLevel.Warning, "The database is away: {Reason}")]
    private partial void LogDatabaseAway(string reason);

    [LoggerMessage(1252, LogLevel.Error, "Maintenance failed and is tried again")]
    private partial void LogFailed(Exception failure);
}
