using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Snapshots;

/// <summary><c>DELETE /snapshots/{id}</c> and <c>POST /snapshots/{id}:verify</c></summary>
internal sealed class SnapshotVerbs(CloudVmDbContext database, ProjectScope scope, TimeProvider timeProvider)
{
    public async Task<Answer> DeleteAsync(Guid id, CancellationToken cancellationToken)
    {
        var snapshot = await LockAsync(id, cancellationToken);
        if (snapshot.State is not (SnapshotState.Ready or SnapshotState.Failed))
            throw Refusal.InvalidState($"Snapshot '{snapshot.Name}' is {snapshot.State.ToString().ToLowerInvariant()}.");
        snapshot.State = SnapshotState.Deleting;
        snapshot.Revision++;
        return await EnqueueAsync(snapshot, OperationKind.SnapshotDelete, cancellationToken);
    }

    public async Task<Answer> VerifyAsync(Guid id, CancellationToken cancellationToken)
    {
        var snapshot = await LockAsync(id, cancellationToken);
        if (snapshot.State != SnapshotState.Ready)
            throw Refusal.InvalidState($"Snapshot '{snapshot.Name}' is {snapshot.State.ToString().ToLowerInvariant()}.");
        return await EnqueueAsync(snapshot, OperationKind.SnapshotVerify, cancellationToken);
    }

    private async Task<SnapshotEntity> LockAsync(Guid id, CancellationToken cancellationToken)
    {
        await database.Database.ExecuteSqlAsync($"SELECT FROM snapshots WHERE id = {id} FOR UPDATE", cancellationToken);
        var snapshot = await scope.Snapshots.Include(s => s.Project)
            .FirstOrDefaultAsync(s => s.Id == id && s.State != SnapshotState.Creating, cancellationToken)
            ?? throw Refusal.NotFound("snapshot", id);

        // A restore reads the snapshot, and names it in its request.
        var idText = id.ToString();
        var active = await database.Operations
            .Where(OperationQueue.IsActive)
            .Where(o => (o.TargetType == "snapshot" && o.TargetId == idText)
                || DatabaseFunctions.JsonText(o.Request, "snapshotId") == idText)
            .FirstOrDefaultAsync(cancellationToken);
        return active is null ? snapshot : throw Refusal.InProgress(active);
    }

    private async Task<Answer> EnqueueAsync(SnapshotEntity snapshot, OperationKind kind, CancellationToken cancellationToken)
    {
        var operation = database.Enqueue(
            new NewOperation
            {
                Kind = kind,
                ProjectId = snapshot.ProjectId,
                Target = new ResourceReference("snapshot", snapshot.Id.ToString(), snapshot.Name),
                CreatedBy = scope.Principal.UserName,
            },
            timeProvider);
        database.AddEvent(EventTypes.SnapshotUpdated, snapshot.ToContract(), snapshot.ProjectId, timeProvider.GetDatabaseNow());
        await database.SaveChangesAsync(cancellationToken);
        return Answer.Accepted(operation.ToContract());
    }
}
