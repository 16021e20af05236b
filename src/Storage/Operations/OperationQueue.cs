using System.Linq.Expressions;
using System.Text.Json;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Storage.Operations;

/// <summary>
/// The rules of operations: one active mutation per VM, queued ones behind it, and an end for every one. Methods change
/// tracked entities and write events; the caller saves, and holds the VM's row lock where the VM could change hands.
/// </summary>
public static class OperationQueue
{
    /// <summary>The operation that keeps others away from the VM, if any.</summary>
    public static Task<OperationEntity?> FindActiveOperationAsync(
        this CloudVmDbContext database, Guid vmId, CancellationToken cancellationToken) =>
        database.Operations
            .Where(o => (o.VmId == vmId && !o.Queued) || o.SourceVmId == vmId)
            .Where(IsActive)
            .OrderBy(o => o.CreatedAt)
            .FirstOrDefaultAsync(cancellationToken);

    /// <summary>The same for many VMs: the operation's id by VM.</summary>
    public static async Task<IReadOnlyDictionary<Guid, Guid>> FindActiveOperationIdsAsync(
        this CloudVmDbContext database, Guid[] vmIds, CancellationToken cancellationToken)
    {
        var operations = await database.Operations
            .Where(o => (vmIds.Contains(o.VmId!.Value) && !o.Queued) || vmIds.Contains(o.SourceVmId!.Value))
            .Where(IsActive)
            .Select(o => new { o.Id, o.VmId, o.SourceVmId, o.Queued })
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        var byVm = new Dictionary<Guid, Guid>();
        foreach (var operation in operations)
        {
            if (operation.VmId is { } vmId && !operation.Queued)
                byVm.TryAdd(vmId, operation.Id);
            if (operation.SourceVmId is { } sourceId)
                byVm.TryAdd(sourceId, operation.Id);
        }

        return byVm;
    }

    /// <summary>States that have not ended yet.</summary>
    public static Expression<Func<OperationEntity, bool>> IsActive { get; } = o =>
        o.State == OperationState.Pending || o.State == OperationState.Running || o.State == OperationState.Cancelling;

    /// <summary>Adds an operation. A second active one for a VM fails at save, on <c>ux_operations_active_vm</c>.</summary>
    public static OperationEntity Enqueue(this CloudVmDbContext database, NewOperation operation, TimeProvider timeProvider)
    {
        var now = timeProvider.GetDatabaseNow();
        var entity = new OperationEntity
        {
            Id = timeProvider.NewId(),
            ProjectId = operation.ProjectId,
            Kind = operation.Kind,
            State = OperationState.Pending,
            Queued = operation.Queued,
            Phase = "queued",
            VmId = operation.VmId,
            SourceVmId = operation.SourceVmId,
            TargetType = operation.Target.Type,
            TargetId = operation.Target.Id,
            TargetName = operation.Target.Name,
            Request = operation.Request is null
                ? "{}"
                : JsonSerializer.Serialize(operation.Request, operation.Request.GetType(), CloudVmJson.Options),
            CreatedBy = operation.CreatedBy,
            CreatedAt = now,
            Deadline = now + OperationDeadlines.Of(operation.Kind) + operation.ExtraTime,
        };
        database.Operations.Add(entity);
        database.AddEvent(EventTypes.OperationCreated, entity.ToContract(), entity, now);
        return entity;
    }

    /// <summary>Marks the operation as being worked on.</summary>
    public static void Begin(this CloudVmDbContext database, OperationEntity operation, Guid nodeId, long? epoch, string phase, DateTimeOffset now)
    {
        Demand(operation, !operation.State.IsFinal() && !operation.Queued);
        if (operation.State == OperationState.Pending)
            operation.State = OperationState.Running;
        operation.NodeId = nodeId;
        operation.Epoch = epoch;
        operation.Attempt++;
        operation.StartedAt ??= now;
        operation.Phase = phase;
        database.AddEvent(EventTypes.OperationProgress, operation.ToContract(), operation, now);
    }

    /// <summary>Says how far the operation has come.</summary>
    /// <param name="database">The unit of work.</param>
    /// <param name="operation">Tracked, not ended.</param>
    /// <param name="progress">0 to 100; never goes back.</param>
    /// <param name="phase">camelCase name of what is being done.</param>
    /// <param name="now">When.</param>
    public static void Report(this CloudVmDbContext database, OperationEntity operation, int progress, string phase, DateTimeOffset now)
    {
        Demand(operation, !operation.State.IsFinal());
        operation.Progress = Math.Clamp(progress, operation.Progress, 100);
        operation.Phase = phase;
        database.AddEvent(EventTypes.OperationProgress, operation.ToContract(), operation, now);
    }

    /// <summary>Ends the operation well.</summary>
    public static void Succeed(this CloudVmDbContext database, OperationEntity operation, object? result, DateTimeOffset now)
    {
        operation.Progress = 100;
        operation.Result = result is null ? null : JsonSerializer.Serialize(result, result.GetType(), CloudVmJson.Options);
        End(database, operation, OperationState.Succeeded, "done", now);
    }

    /// <summary>Ends the operation with a problem.</summary>
    public static void Fail(this CloudVmDbContext database, OperationEntity operation, Problem problem, DateTimeOffset now)
    {
        operation.Problem = JsonSerializer.Serialize(problem, CloudVmJson.Options);
        End(database, operation, OperationState.Failed, "failed", now);
    }

    /// <summary>Ends the operation because somebody wanted it so; <paramref name="reason"/> says who or what.</summary>
    public static void Cancel(this CloudVmDbContext database, OperationEntity operation, string code, string reason, DateTimeOffset now)
    {
        var problem = new Problem { Title = "The operation was cancelled", Status = 409, Code = code, Detail = reason };
        operation.Problem = JsonSerializer.Serialize(problem, CloudVmJson.Options);
        End(database, operation, OperationState.Cancelled, "cancelled", now);
    }

    /// <summary>
    /// Asks for the end of the operation: at once where nobody works on it yet, else by whoever does, who sees it as
    /// <see cref="OperationState.Cancelling"/>.
    /// </summary>
    public static void RequestCancel(this CloudVmDbContext database, OperationEntity operation, string by, DateTimeOffset now)
    {
        if (operation.State == OperationState.Pending)
        {
            database.Cancel(operation, ProblemCodes.Cancelled, $"Cancelled by {by} before it began.", now);
            return;
        }

        Demand(operation, !operation.State.IsFinal());
        operation.State = OperationState.Cancelling;
        operation.Phase = "cancelling";
        database.AddEvent(EventTypes.OperationProgress, operation.ToContract(), operation, now);
    }

    /// <summary>
    /// Lets the oldest queued operation of the VM go ahead, if nothing is in its way. To be called after saving the end of
    /// another one, in the same transaction, and now and then for safety.
    /// </summary>
    /// <returns>Whether one was let go.</returns>
    public static async Task<bool> PromoteNextAsync(this CloudVmDbContext database, Guid vmId, CancellationToken cancellationToken) =>
        await database.Database.ExecuteSqlAsync(
            $"""
            UPDATE operations SET queued = false
            WHERE id = (
                SELECT id FROM operations
                WHERE vm_id = {vmId} AND queued AND state = 'pending'
                ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
            AND NOT EXISTS (
                SELECT FROM operations
                WHERE ((vm_id = {vmId} AND NOT queued) OR source_vm_id = {vmId})
                AND state IN ('pending', 'running', 'cancelling'))
            """,
            cancellationToken).ConfigureAwait(false) > 0;

    /// <summary>Fails every operation whose deadline has passed, with what queues behind it let go. Safe to run anywhere.</summary>
    /// <returns>The operations that were failed.</returns>
    public static async Task<IReadOnlyList<OperationEntity>> ExpireOverdueAsync(
        this CloudVmDbContext database, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
        var overdue = await database.Operations
            .FromSql($"""
                SELECT * FROM operations
                WHERE state IN ('pending', 'running', 'cancelling') AND deadline < now()
                ORDER BY deadline LIMIT 100 FOR UPDATE SKIP LOCKED
                """)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        var now = timeProvider.GetDatabaseNow();
        foreach (var operation in overdue)
        {
            database.Fail(
                operation,
                new Problem
                {
                    Title = "The operation took too long",
                    Status = 504,
                    Code = ProblemCodes.DeadlineExceeded,
                    Detail = $"It was '{operation.Phase}' when its deadline passed.",
                },
                now);
        }

        await database.SaveChangesAsync(cancellationToken).ConfigureAwait(false);
        foreach (var vmId in overdue.SelectMany(o => new[] { o.VmId, o.SourceVmId }).OfType<Guid>().Distinct())
            await database.PromoteNextAsync(vmId, cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return overdue;
    }

    private static void End(CloudVmDbContext database, OperationEntity operation, OperationState state, string phase, DateTimeOffset now)
    {
        Demand(operation, !operation.State.IsFinal());
        operation.State = state;
        operation.Phase = phase;
        operation.EndedAt = now;
        database.AddEvent(EventTypes.OperationDone, operation.ToContract(), operation, now);
    }

    private static void Demand(OperationEntity operation, bool allowed)
    {
        if (!allowed)
            throw new InvalidOperationException($"Operation {operation.Id} is {operation.State}, which it cannot leave that way.");
    }
}
