using System.Collections.Concurrent;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using CloudVm.Worker.Snapshots;

namespace CloudVm.Worker.Operations;

/// <summary>Carries out operations that concern no VM, a few at a time. They may be repeated, so any node may take over a dead one's.</summary>
public sealed partial class UnboundOperations(
    WorkerOptions options, OperationStore store, SnapshotOperations snapshots, ILogger<UnboundOperations> logger) : BackgroundService
{
    private const int AtOnce = 2;

    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Guid, OperationRun> _running = new();
    private readonly SemaphoreSlim _wake = new(0);

    /// <summary>There may be news.</summary>
    public void Wake()
    {
        foreach (OperationRun run in _running.Values)
            run.Poke();
        _wake.Release();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => LoopAsync(stoppingToken)));

    private async Task LoopAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                if (await store.ClaimUnboundAsync([.. _running.Keys], ct).ConfigureAwait(false) is { } operation)
                    await RunAsync(operation, ct).ConfigureAwait(false);
                else
                    await _wake.WaitAsync(options.PollInterval, ct).ConfigureAwait(false);
            }
            catch (Exception away) when (TransientFaults.IsTransient(away))
            {
                LogDatabaseAway(away.Message);
                await Task.Delay(Retry, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task RunAsync(OperationEntity operation, CancellationToken ct)
    {
        await using OperationRun run = new(store, operation, lease: null, ct);
        if (!_running.TryAdd(operation.Id, run))
            return;
        try
        {
            Guid target = Guid.Parse(operation.TargetId);
            await (operation.Kind switch
            {
                OperationKind.SnapshotDelete => snapshots.DeleteAsync(run, target),
                OperationKind.SnapshotVerify => snapshots.VerifyAsync(run, target),
                _ => throw new OperationFailedException(new Problem
                {
                    Title = "Unknown operation",
                    Status = 501,
                    Code = ProblemCodes.Internal,
                    Detail = $"This node does not know how to carry out {operation.Kind}.",
                }),
            }).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (run.Stop == OperationStop.Cancelled && !ct.IsCancellationRequested)
        {
            await store.CancelAsync(operation.Id, lease: null, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Superseded: its row has ended. Overdue: whoever sweeps deadlines ends it.
        }
        catch (OperationFailedException failure)
        {
            await store.FailAsync(operation.Id, lease: null, failure.Problem, ct).ConfigureAwait(false);
        }
        catch (Exception failure) when (!ct.IsCancellationRequested && !TransientFaults.IsTransient(failure))
        {
            LogUnexpected(failure, operation.Id, operation.Kind);
            await store.FailAsync(
                operation.Id, lease: null,
                new Problem { Title = "The operation failed", Status = 500, Code = ProblemCodes.Internal, Detail = failure.Message }, ct).ConfigureAwait(false);
        }
        finally
        {
            _running.TryRemove(operation.Id, out _);
        }
    }

    [LoggerMessage(1221, LogLevel.Warning, "The database is away: {Reason}")]
    private partial void LogDatabaseAway(string reason);

    [LoggerMessage(1222, LogLevel.Error, "Operation {OperationId} ({Kind}) failed unexpectedly")]
    private partial void LogUnexpected(Exception failure, Guid operationId, OperationKind kind);
}
