using CloudVm.Contracts.Events;
using CloudVm.Contracts.Snapshots;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Worker.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Snapshots;

/// <summary>Operations on stored snapshots, which concern no VM: deleting and verifying.</summary>
public sealed class SnapshotOperations(SnapshotCatalog catalog, ChunkStore chunks, TimeProvider time)
{
    /// <summary>What <see cref="Snapshot.VerifyResult"/> says of a sound snapshot.</summary>
    public const string Sound = "ok";

    private const int VerifyBatch = 64;

    /// <summary>Deletes a snapshot with its manifest; the collector removes chunks that nothing else names.</summary>
    public async Task DeleteAsync(OperationRun run, Guid snapshotId)
    {
        await run.ReportAsync(50, "deleting").ConfigureAwait(false);
        await run.SucceedAsync(async (db, token) =>
        {
            SnapshotEntity? snapshot = await db.Snapshots.Include(s => s.Project)
                .FirstOrDefaultAsync(s => s.Id == snapshotId, token).ConfigureAwait(false);
            if (snapshot is null)
                return null;
            snapshot.State = SnapshotState.Deleting;
            db.AddEvent(EventTypes.SnapshotDeleted, snapshot.ToContract(), snapshot.ProjectId, time.GetDatabaseNow());
            db.Snapshots.Remove(snapshot);
            return null;
        }).ConfigureAwait(false);
    }

    /// <summary>Reads all of a snapshot and checks every hash and CRC. A damaged snapshot is a result, not a failure of the operation.</summary>
    public async Task VerifyAsync(OperationRun run, Guid snapshotId)
    {
        await run.ReportAsync(5, "verifying").ConfigureAwait(false);
        string result = await FindFaultsAsync(run, snapshotId).ConfigureAwait(false);
        await run.SucceedAsync(async (db, token) =>
        {
            SnapshotEntity? snapshot = await db.Snapshots.Include(s => s.Project)
                .FirstOrDefaultAsync(s => s.Id == snapshotId, token).ConfigureAwait(false);
            if (snapshot is not null)
            {
                DateTimeOffset now = time.GetDatabaseNow();
                snapshot.VerifiedAt = now;
                snapshot.VerifyResult = result;
                snapshot.Revision++;
                db.AddEvent(EventTypes.SnapshotUpdated, snapshot.ToContract(), snapshot.ProjectId, now);
            }

            return new { SnapshotId = snapshotId, VerifyResult = result };
        }).ConfigureAwait(false);
    }

    private async Task<string> FindFaultsAsync(OperationRun run, Guid snapshotId)
    {
        StoredSnapshot snapshot;
        try
        {
            snapshot = await catalog.FindAsync(snapshotId, run.Token).ConfigureAwait(false)
                ?? throw OperationFailedException.InvalidState($"There is no complete snapshot {snapshotId}.");
        }
        catch (InvalidDataException damaged)
        {
            return damaged.Message;
        }

        List<string> faults = [];
        ChunkHash[] names = [.. snapshot.Distinct()];
        int done = 0;
        foreach (ChunkHash[] batch in names.Chunk(VerifyBatch))
        {
            try
            {
                Dictionary<ChunkHash, byte[]> loaded = await chunks.LoadAsync(batch, run.Token).ConfigureAwait(false);
                faults.AddRange(batch.Where(name => !loaded.ContainsKey(name)).Select(name => $"Chunk {name} is missing."));
            }
            catch (InvalidDataException damaged)
            {
                faults.Add(damaged.Message);
            }

            done += batch.Length;
            await run.ReportAsync(5 + (done * 90 / names.Length), "verifying").ConfigureAwait(false);
        }

        return faults.Count == 0 ? Sound : string.Join(" ", faults);
    }
}
