using CloudVm.Storage.Operations;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Snapshots;

/// <summary>
/// Makes a new VM from a snapshot, or from another VM as it is now: then a snapshot is taken on the way, and deleted at the end.
/// </summary>
public sealed class ForkVm(TakeSnapshot takeSnapshot, RestoreSnapshot restoreSnapshot, LeaseKeeper leases, OperationStore store)
{
    private const int SnapshotShare = 45;

    /// <summary>Carries out the operation.</summary>
    public async Task RunAsync(OperationRun run, VmLease lease)
    {
        Guid? given = OperationStore.ReadRequest<OperationRequests.Restore>(run.Operation).SnapshotId;
        if (given is { } snapshotId)
        {
            HypervisorInstance restored = await restoreSnapshot.RestoreAsync(run, lease, snapshotId, 10).ConfigureAwait(false);
            await restoreSnapshot.FinishAsync(run, lease, restored, (_, _) => Task.CompletedTask).ConfigureAwait(false);
            return;
        }

        Guid source = run.Operation.SourceVmId ?? throw OperationFailedException.InvalidState("The operation names neither snapshot nor source.");
        VmLease sourceLease = await leases.EnsureAsync(source, run.Token).ConfigureAwait(false)
            ?? throw OperationFailedException.InvalidState("The source VM runs on another node; fork it from a snapshot.");
        PreparedSnapshot prepared = await takeSnapshot.PrepareAsync(run, sourceLease, SnapshotShare).ConfigureAwait(false);

        // The operation's own id names the snapshot, so that an attempt after a crash finds what an earlier one left.
        Guid passing = run.Operation.Id;
        OperationRequests.TakeSnapshot request = new(passing, $"fork-{passing:N}", Description: null, ScheduleId: null);
        await store.EffectAsync(async (db, token) =>
        {
            await db.Snapshots.Where(s => s.Id == passing).ExecuteDeleteAsync(token).ConfigureAwait(false);
            await takeSnapshot.CompleteAsync(db, source, request, prepared, token).ConfigureAwait(false);
        }, run.Token).ConfigureAwait(false);
        try
        {
            HypervisorInstance instance = await restoreSnapshot.RestoreAsync(run, lease, passing, SnapshotShare).ConfigureAwait(false);
            await restoreSnapshot.FinishAsync(
                run, lease, instance,
                (db, token) => db.Snapshots.Where(s => s.Id == passing).ExecuteDeleteAsync(token)).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is OperationFailedException or OperationCanceledException)
        {
            await store.EffectAsync(
                (db, token) => db.Snapshots.Where(s => s.Id == passing).ExecuteDeleteAsync(token), CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }
}
