using CloudVm.Storage;
using CloudVm.Storage.Leases;
using CloudVm.Worker.Leases;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Polly;
using Polly.Retry;

namespace CloudVm.Worker.Data;

/// <summary>
/// Transactions of the Worker. Those about a VM fail unless its lease holds; all are repeated while the database is briefly away, so a
/// body may run several times, even after a commit whose answer was lost, and must not mind.
/// </summary>
public sealed class FencedDatabase(IDbContextFactory<CloudVmDbContext> contexts)
{
    private static readonly ResiliencePipeline Retry = new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = arguments => ValueTask.FromResult(TransientFaults.IsTransient(arguments.Outcome.Exception)),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(50),
            MaxDelay = TimeSpan.FromSeconds(1),
            MaxRetryAttempts = 6,
        })
        .Build();

    /// <summary>Reads without a transaction.</summary>
    public async Task<T> ReadAsync<T>(Func<CloudVmDbContext, CancellationToken, Task<T>> body, CancellationToken ct) =>
        await Retry.ExecuteAsync(
            async token =>
            {
                await using CloudVmDbContext db = await contexts.CreateDbContextAsync(token).ConfigureAwait(false);
                db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
                return await body(db, token).ConfigureAwait(false);
            },
            ct).ConfigureAwait(false);

    /// <summary>Runs <paramref name="body"/>, saves its changes and commits.</summary>
    public async Task<T> WriteAsync<T>(Func<CloudVmDbContext, CancellationToken, Task<T>> body, CancellationToken ct) =>
        await Retry.ExecuteAsync(
            async token =>
            {
                await using CloudVmDbContext db = await contexts.CreateDbContextAsync(token).ConfigureAwait(false);
                await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(token).ConfigureAwait(false);
                T result = await body(db, token).ConfigureAwait(false);
                await db.SaveChangesAsync(token).ConfigureAwait(false);
                await transaction.CommitAsync(token).ConfigureAwait(false);
                return result;
            },
            ct).ConfigureAwait(false);

    /// <summary>As the other overload, and only under <paramref name="lease"/>.</summary>
    /// <exception cref="LeaseLostException">Somebody else holds the VM.</exception>
    public Task<T> WriteAsync<T>(VmLease lease, Func<CloudVmDbContext, CancellationToken, Task<T>> body, CancellationToken ct) =>
        WriteAsync(
            async (db, token) =>
            {
                bool held = await VmLeases.HoldAsync(
                    (NpgsqlConnection)db.Database.GetDbConnection(),
                    (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction(),
                    lease.VmId, lease.NodeId, lease.Epoch, token).ConfigureAwait(false);
                return held
                    ? await body(db, token).ConfigureAwait(false)
                    : throw new LeaseLostException(lease.VmId);
            },
            ct);
}
