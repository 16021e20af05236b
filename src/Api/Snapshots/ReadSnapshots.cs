using System.Linq.Expressions;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Snapshots;

/// <summary><c>GET /snapshots</c>, <c>GET /snapshots/{id}</c>, <c>GET /vms/{id}/snapshots</c></summary>
internal sealed class ReadSnapshots(ProjectScope scope, Pager pager)
{
    private static readonly Listing<SnapshotEntity> Listing = new(
        new FieldMap<SnapshotEntity>()
            .Add("id", s => s.Id)
            .AddOrdered("name", s => s.Name)
            .Add("description", s => s.Description)
            .Add("project", s => s.Project!.Name)
            .Add("vmId", s => s.VmId)
            .AddOrdered("vmName", s => s.VmName)
            .Add("state", s => s.State)
            .Add("scheduleId", s => s.ScheduleId)
            .AddOrdered("memoryMiB", s => s.MemoryMiB)
            .AddOrdered("sizeBytes", s => s.SizeBytes)
            .AddOrdered("storedBytes", s => s.StoredBytes)
            .AddOrdered("createdAt", s => s.CreatedAt)
            .Add("verifiedAt", s => s.VerifiedAt)
            .Add("verifyResult", s => s.VerifyResult),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<SnapshotEntity, Guid>>)(s => s.Id));

    /// <summary>Snapshots are shown once they are complete; there are no halves.</summary>
    private IQueryable<SnapshotEntity> Visible =>
        scope.Snapshots.Include(s => s.Project).Where(s => s.State != SnapshotState.Creating);

    public async Task<Answer> ListAsync(ListRequest request, Guid? vmId, CancellationToken cancellationToken)
    {
        if (vmId is { } id && !await scope.Vms.AnyAsync(v => v.Id == id, cancellationToken))
            throw Refusal.NotFound("VM", id);
        var rows = vmId is null ? Visible : Visible.Where(s => s.VmId == vmId);
        return Answer.Ok(await pager.ListAsync(rows, request, Listing, s => s.ToContract(), cancellationToken));
    }

    public async Task<Answer> GetAsync(Guid id, CancellationToken cancellationToken)
    {
        var entity = await Visible.AsNoTracking().FirstOrDefaultAsync(s => s.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("snapshot", id);
        var snapshot = entity.ToContract();
        return Answer.Ok(snapshot, snapshot.Etag);
    }
}
