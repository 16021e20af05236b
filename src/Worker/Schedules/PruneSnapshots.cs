using CloudVm.Contracts;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Schedules;

/// <summary>Asks, by operations, for the deletion of snapshots that a schedule no longer keeps.</summary>
public sealed class PruneSnapshots(FencedDatabase database, TimeProvider time)
{
    /// <summary>Looks at one schedule.</summary>
    /// <returns>Deletions asked for.</returns>
    public Task<int> RunAsync(Guid scheduleId, CancellationToken ct) =>
        database.WriteAsync(async (db, token) =>
        {
            // The lock keeps a second node from asking for the same deletions.
            SnapshotScheduleEntity? schedule = (await db.SnapshotSchedules
                .FromSql($"SELECT * FROM snapshot_schedules WHERE id = {scheduleId} FOR UPDATE").ToListAsync(token).ConfigureAwait(false)).FirstOrDefault();
            if (schedule is null)
                return 0;
            List<SnapshotEntity> taken = await db.Snapshots.AsNoTracking()
                .Where(s => s.ScheduleId == scheduleId && s.State == SnapshotState.Ready).ToListAsync(token).ConfigureAwait(false);
            IReadOnlyList<ScheduledSnapshot> expired = SnapshotRetention.SelectExpired(
                taken.Select(s => new ScheduledSnapshot(s.Id, s.CreatedAt)),
                schedule.KeepLast, schedule.KeepDaily, TimeZoneInfo.FindSystemTimeZoneById(schedule.TimeZone), time.GetUtcNow());
            int asked = 0;
            foreach (SnapshotEntity snapshot in expired.Select(e => taken.Single(s => s.Id == e.Id)))
            {
                string target = snapshot.Id.ToString();
                if (await db.Operations.Where(OperationQueue.IsActive)
                        .AnyAsync(o => o.Kind == OperationKind.SnapshotDelete && o.TargetId == target, token).ConfigureAwait(false))
                    continue;
                db.Enqueue(
                    new NewOperation
                    {
                        Kind = OperationKind.SnapshotDelete,
                        ProjectId = snapshot.ProjectId,
                        Target = new ResourceReference("snapshot", target, snapshot.Name),
                        CreatedBy = $"schedule:{scheduleId}",
                    },
                    time);
                asked++;
            }

            return asked;
        }, ct);
}
