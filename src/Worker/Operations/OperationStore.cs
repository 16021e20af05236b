using System.Text.Json;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Nodes;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Operations;

/// <summary>Claims operations and writes how they go. Each write locks the operation's row, so a cancel or a supersede is never overwritten.</summary>
public sealed class OperationStore(FencedDatabase database, NodeIdentity node, TimeProvider time)
{
    /// <summary>Phase between claim and first report.</summary>
    private const string ClaimedPhase = "starting";

    /// <summary>Claims the VM's active operation, also one that an earlier Worker left behind. Null when there is none.</summary>
    public Task<OperationEntity?> ClaimForVmAsync(VmLease lease, CancellationToken ct) =>
        database.WriteAsync(lease, (db, token) => ClaimAsync(db, db.Operations.FromSql(
            $"""
            SELECT * FROM operations
            WHERE vm_id = {lease.VmId} AND NOT queued AND state IN ('pending', 'running', 'cancelling') FOR UPDATE
            """), lease.Epoch, token), ct);

    /// <summary>
    /// Claims an operation that concerns no VM: a new one, this node's own from before a restart, or one of a node whose heartbeat is
    /// overdue. Null when there is none.
    /// </summary>
    /// <param name="running">Operations that this Worker is at.</param>
    /// <param name="ct">Cancels.</param>
    public Task<OperationEntity?> ClaimUnboundAsync(IReadOnlyCollection<Guid> running, CancellationToken ct)
    {
        Guid[] mine = [.. running];
        return database.WriteAsync((db, token) => ClaimAsync(db, db.Operations.FromSql(
            $"""
            SELECT * FROM operations
            WHERE vm_id IS NULL AND NOT queued AND state IN ('pending', 'running', 'cancelling') AND id <> ALL({mine})
              AND (node_id IS NULL OR node_id = {node.Id}
                   OR node_id NOT IN (SELECT id FROM nodes WHERE last_heartbeat_at > now() - interval '1 minute'))
            ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
            """), epoch: null, token), ct);
    }

    /// <summary>What became of an operation meanwhile.</summary>
    public Task<OperationStop> CheckAsync(Guid operationId, CancellationToken ct) =>
        database.ReadAsync(async (db, token) =>
        {
            DateTimeOffset now = time.GetDatabaseNow();
            var row = await db.Operations.Where(o => o.Id == operationId)
                .Select(o => new { o.State, Overdue = o.Deadline < now }).FirstOrDefaultAsync(token).ConfigureAwait(false);
            return row switch
            {
                null => OperationStop.Superseded,
                _ when row.State.IsFinal() => OperationStop.Superseded,
                { State: OperationState.Cancelling } => OperationStop.Cancelled,
                { Overdue: true } => OperationStop.Overdue,
                _ => OperationStop.None,
            };
        }, ct);

    /// <summary>Says how far an operation has come; nothing when it has ended.</summary>
    public Task ReportAsync(Guid operationId, VmLease? lease, int progress, string phase, CancellationToken ct) =>
        ChangeAsync(operationId, lease, (db, operation, _) =>
        {
            db.Report(operation, progress, phase, time.GetDatabaseNow());
            return Task.CompletedTask;
        }, ct);

    /// <summary>Ends an operation well, together with <paramref name="effect"/>, in one transaction. Nothing when it has ended.</summary>
    /// <param name="operationId">The operation.</param>
    /// <param name="lease">The VM's lease, if it concerns one.</param>
    /// <param name="effect">Changes rows and returns the operation's result; may run several times.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>False when it had ended before, be it by an earlier call whose answer was lost.</returns>
    public Task<bool> SucceedAsync(
        Guid operationId, VmLease? lease, Func<CloudVmDbContext, CancellationToken, Task<object?>> effect, CancellationToken ct) =>
        ChangeAsync(operationId, lease, async (db, operation, token) =>
        {
            object? result = await effect(db, token).ConfigureAwait(false);
            db.Succeed(operation, result, time.GetDatabaseNow());
            await FinishAsync(db, operation, token).ConfigureAwait(false);
        }, ct);

    /// <summary>Ends an operation with a problem.</summary>
    public Task FailAsync(Guid operationId, VmLease? lease, Problem problem, CancellationToken ct) =>
        ChangeAsync(operationId, lease, async (db, operation, token) =>
        {
            db.Fail(operation, problem, time.GetDatabaseNow());
            await FinishAsync(db, operation, token).ConfigureAwait(false);
        }, ct);

    /// <summary>Ends an operation that was asked to stop.</summary>
    public Task CancelAsync(Guid operationId, VmLease? lease, CancellationToken ct) =>
        ChangeAsync(operationId, lease, async (db, operation, token) =>
        {
            db.Cancel(operation, ProblemCodes.Cancelled, "Cancelled on request.", time.GetDatabaseNow());
            await FinishAsync(db, operation, token).ConfigureAwait(false);
        }, ct);

    /// <summary>Writes an intermediate result of an operation in a transaction of its own.</summary>
    public Task EffectAsync(Func<CloudVmDbContext, CancellationToken, Task> effect, CancellationToken ct) =>
        database.WriteAsync(async (db, token) =>
        {
            await effect(db, token).ConfigureAwait(false);
            return true;
        }, ct);

    /// <summary>Parameters of an operation.</summary>
    public static T ReadRequest<T>(OperationEntity operation) => JsonSerializer.Deserialize<T>(operation.Request, CloudVmJson.Options)!;

    private async Task<OperationEntity?> ClaimAsync(
        CloudVmDbContext db, IQueryable<OperationEntity> candidates, long? epoch, CancellationToken ct)
    {
        List<OperationEntity> found = await candidates.ToListAsync(ct).ConfigureAwait(false);
        if (found.Count == 0)
            return null;
        db.Begin(found[0], node.Id, epoch, found[0].State == OperationState.Pending ? ClaimedPhase : found[0].Phase, time.GetDatabaseNow());
        return found[0];
    }

    private Task<bool> ChangeAsync(
        Guid operationId, VmLease? lease, Func<CloudVmDbContext, OperationEntity, CancellationToken, Task> change, CancellationToken ct)
    {
        return lease is { } held ? database.WriteAsync(held, ApplyAsync, ct) : database.WriteAsync(ApplyAsync, ct);

        async Task<bool> ApplyAsync(CloudVmDbContext db, CancellationToken token)
        {
            List<OperationEntity> locked = await db.Operations.FromSql($"SELECT * FROM operations WHERE id = {operationId} FOR UPDATE")
                .ToListAsync(token).ConfigureAwait(false);
            if (locked.Count == 0 || locked[0].State.IsFinal())
                return false;
            await change(db, locked[0], token).ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>What follows from an end: the schedule's run is settled, and what queued behind it may go ahead.</summary>
    private static async Task FinishAsync(CloudVmDbContext db, OperationEntity operation, CancellationToken ct)
    {
        await db.SaveChangesAsync(ct).ConfigureAwait(false);
        foreach (ScheduleRunEntity run in await db.ScheduleRuns.Where(run => run.OperationId == operation.Id).ToListAsync(ct).ConfigureAwait(false))
        {
            run.Outcome = operation.State == OperationState.Succeeded ? ScheduleRunOutcome.Succeeded : ScheduleRunOutcome.Failed;
            run.Message = operation.Problem is null
                ? null
                : JsonSerializer.Deserialize<Problem>(operation.Problem, CloudVmJson.Options) is { } problem ? problem.Detail ?? problem.Title : null;
        }

        await db.SaveChangesAsync(ct).ConfigureAwait(false);
        foreach (Guid vmId in new[] { operation.VmId, operation.SourceVmId }.OfType<Guid>())
            await db.PromoteNextAsync(vmId, ct).ConfigureAwait(false);
    }
}
