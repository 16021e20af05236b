using System.Globalization;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Schedules;

/// <summary>
/// What a schedule's firing does: it inserts a queued snapshot operation and the record of the run, once for each time that was due,
/// however often it is called.
/// </summary>
public sealed class FireSchedule(FencedDatabase database, TimeProvider time)
{
    /// <summary>Records a firing.</summary>
    /// <param name="scheduleId">The schedule.</param>
    /// <param name="scheduledAt">When it was due.</param>
    /// <param name="nextRunAt">When it is due next.</param>
    /// <param name="ct">Cancels.</param>
    public Task<bool> RunAsync(Guid scheduleId, DateTimeOffset scheduledAt, DateTimeOffset? nextRunAt, CancellationToken ct) =>
        database.WriteAsync(async (db, token) =>
        {
            SnapshotScheduleEntity? schedule = (await db.SnapshotSchedules
                .FromSql($"SELECT * FROM snapshot_schedules WHERE id = {scheduleId} FOR UPDATE").ToListAsync(token).ConfigureAwait(false)).FirstOrDefault();
            if (schedule is not { Enabled: true }
                || await db.ScheduleRuns.AnyAsync(run => run.ScheduleId == scheduleId && run.ScheduledAt == scheduledAt, token).ConfigureAwait(false))
                return false;

            DateTimeOffset now = time.GetDatabaseNow();
            string? obstacle = await FindObstacleAsync(db, schedule, token).ConfigureAwait(false);
            OperationEntity? operation = obstacle is null ? Enqueue(db, schedule, scheduledAt) : null;
            ScheduleRunEntity run = new()
            {
                Id = time.NewId(),
                ScheduleId = schedule.Id,
                ScheduledAt = scheduledAt,
                FiredAt = now,
                OperationId = operation?.Id,
                Outcome = obstacle is null ? ScheduleRunOutcome.Started : ScheduleRunOutcome.Skipped,
                Message = obstacle,
            };
            schedule.NextRunAt = nextRunAt;
            schedule.Revision++;
            db.ScheduleRuns.Add(run);
            db.AddEvent(
                EventTypes.ScheduleRan, new ResourceReference("schedule", schedule.Id.ToString(), schedule.Name), schedule.ProjectId, schedule.VmId,
                schedule.ToContract(run), now);
            await db.SaveChangesAsync(token).ConfigureAwait(false);
            await db.PromoteNextAsync(schedule.VmId, token).ConfigureAwait(false);
            return true;
        }, ct);

    private static async Task<string?> FindObstacleAsync(CloudVmDbContext db, SnapshotScheduleEntity schedule, CancellationToken ct)
    {
        VirtualMachineEntity? vm = await db.VirtualMachines.Include(v => v.Status)
            .FirstOrDefaultAsync(v => v.Id == schedule.VmId && v.DeletedAt == null, ct).ConfigureAwait(false);
        if (vm is null)
            return "The VM is gone.";
        if (vm.DesiredState == DesiredState.Stopped && !vm.Status!.HasGuest())
            return "The VM is stopped: there is nothing to save.";
        string principal = PrincipalOf(schedule.Id);
        bool lagging = await db.Operations.Where(OperationQueue.IsActive)
            .AnyAsync(o => o.VmId == vm.Id && o.CreatedBy == principal, ct).ConfigureAwait(false);
        return lagging ? "The run before has not ended yet." : null;
    }

    private OperationEntity Enqueue(CloudVmDbContext db, SnapshotScheduleEntity schedule, DateTimeOffset scheduledAt)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{schedule.Name}-{scheduledAt.UtcDateTime:yyyyMMdd-HHmmss}");
        return db.Enqueue(
            new NewOperation
            {
                Kind = OperationKind.VmSnapshot,
                ProjectId = schedule.ProjectId,
                VmId = schedule.VmId,
                Target = new ResourceReference("vm", schedule.VmId.ToString(), Name: null),
                Queued = true,
                Request = new OperationRequests.TakeSnapshot(time.NewId(), name, $"Taken by schedule '{schedule.Name}'.", schedule.Id),
                CreatedBy = PrincipalOf(schedule.Id),
            },
            time);
    }

    private static string PrincipalOf(Guid scheduleId) => $"schedule:{scheduleId}";
}
