using System.Linq.Expressions;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Schedules;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Schedules;

/// <summary>Reads schedules and their runs.</summary>
internal sealed class ReadSchedules(CloudVmDbContext database, ProjectScope scope, Pager pager)
{
    private static readonly Listing<SnapshotScheduleEntity> Listing = new(
        new FieldMap<SnapshotScheduleEntity>()
            .Add("id", s => s.Id)
            .Add("vmId", s => s.VmId)
            .AddOrdered("name", s => s.Name)
            .Add("enabled", s => s.Enabled)
            .Add("nextRunAt", s => s.NextRunAt)
            .AddOrdered("createdAt", s => s.CreatedAt)
            .AddOrdered("updatedAt", s => s.UpdatedAt),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<SnapshotScheduleEntity, Guid>>)(s => s.Id));

    private static readonly Listing<ScheduleRunEntity> RunListing = new(
        new FieldMap<ScheduleRunEntity>()
            .Add("id", r => r.Id)
            .AddOrdered("scheduledAt", r => r.ScheduledAt)
            .AddOrdered("firedAt", r => r.FiredAt)
            .Add("outcome", r => r.Outcome)
            .Add("operationId", r => r.OperationId),
        DefaultOrder: "scheduledAt desc",
        Key: (Expression<Func<ScheduleRunEntity, Guid>>)(r => r.Id));

    public async Task<Answer> ListAsync(ListRequest request, Guid? vmId, CancellationToken cancellationToken)
    {
        if (vmId is { } id && !await scope.Vms.AnyAsync(v => v.Id == id, cancellationToken))
            throw Refusal.NotFound("VM", id);
        var rows = vmId is null ? scope.Schedules : scope.Schedules.Where(s => s.VmId == vmId);
        return Answer.Ok(await pager.ListAsync(rows, request, Listing, page => ToContractsAsync(page, cancellationToken), cancellationToken));
    }

    public async Task<Answer> GetAsync(Guid id, CancellationToken cancellationToken)
    {
        var schedule = (await ToContractsAsync([await FindAsync(id, cancellationToken)], cancellationToken))[0];
        return Answer.Ok(schedule, schedule.Etag);
    }

    public async Task<Answer> ListRunsAsync(Guid id, ListRequest request, CancellationToken cancellationToken)
    {
        await FindAsync(id, cancellationToken);
        var rows = database.ScheduleRuns.Where(r => r.ScheduleId == id);
        return Answer.Ok(await pager.ListAsync(rows, request, RunListing, r => r.ToContract(), cancellationToken));
    }

    private async Task<IReadOnlyList<SnapshotSchedule>> ToContractsAsync(
        IReadOnlyList<SnapshotScheduleEntity> schedules, CancellationToken cancellationToken)
    {
        Guid[] ids = [.. schedules.Select(s => s.Id)];
        var lastRuns = await database.ScheduleRuns.AsNoTracking()
            .Where(r => ids.Contains(r.ScheduleId))
            .GroupBy(r => r.ScheduleId)
            .Select(runs => runs.OrderByDescending(r => r.ScheduledAt).First())
            .ToDictionaryAsync(r => r.ScheduleId, cancellationToken);
        return [.. schedules.Select(s => s.ToContract(lastRuns.GetValueOrDefault(s.Id)))];
    }

    private async Task<SnapshotScheduleEntity> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await scope.Schedules.AsNoTracking().FirstOrDefaultAsync(s => s.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("snapshot schedule", id);
}
