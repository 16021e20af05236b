using System.Collections.Concurrent;
using CloudVm.Storage.Notifications;
using CloudVm.Worker.Data;
using CloudVm.Worker.Nodes;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Reconciling;

/// <summary>
/// Decides when which VM is reconciled: on notifications of the database, on the end of a process, when a pass asked for it, and by a
/// poll as the safety net. One loop per VM, so passes of one VM never overlap; a bounded number of passes runs at once.
/// </summary>
public sealed partial class VmDispatcher(
    WorkerOptions options,
    NodeIdentity node,
    NodeHeartbeat heartbeat,
    VmReconciler reconciler,
    VmProcesses processes,
    UnboundOperations unbound,
    FencedDatabase database,
    DatabaseListener listener,
    TimeProvider time,
    ILogger<VmDispatcher> logger) : BackgroundService
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, VmLoop> _loops = new();
    private readonly SemaphoreSlim _slots = new(options.ReconcileConcurrency);
    private CancellationToken _stopping;

    /// <summary>Has the VM looked at soon.</summary>
    public void Signal(Guid vmId)
    {
        if (!_stopping.IsCancellationRequested)
            _loops.GetOrAdd(vmId, id => new VmLoop(id, this)).Signal();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (VmLoop loop in _loops.Values)
            loop.Dispose();
        _slots.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _stopping = stoppingToken;
        // Leases refer to the node's row.
        await heartbeat.Registered.WaitAsync(stoppingToken).ConfigureAwait(false);
        processes.Ended += Signal;
        Task listening = listener.RunAsync([DatabaseChannels.Work], SignalKnown, OnNotification, stoppingToken);
        try
        {
            SignalKnown();
            while (true)
            {
                await PollAsync(stoppingToken).ConfigureAwait(false);
                await Task.Delay(options.PollInterval, time, stoppingToken).ConfigureAwait(false);
            }
        }
        finally
        {
            processes.Ended -= Signal;
            await listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await Task.WhenAll(_loops.Values.Select(loop => loop.Completion)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            processes.Release();
        }
    }

    private Task<TimeSpan?> ReconcileAsync(Guid vmId, Action<OperationRun?> running, CancellationToken ct) =>
        reconciler.ReconcileAsync(vmId, running, ct);

    private void OnNotification(string channel, string payload)
    {
        if (Guid.TryParse(payload, out Guid vmId))
            Signal(vmId);
        else
            unbound.Wake();
    }

    /// <summary>VMs with files here may have processes here, whatever the database says of them.</summary>
    private void SignalKnown()
    {
        foreach (Guid vmId in processes.KnownVms)
            Signal(vmId);
        unbound.Wake();
    }

    /// <summary>Finds what no notification told of: VMs whose state differs from what is wanted, and those with work.</summary>
    private async Task PollAsync(CancellationToken ct)
    {
        try
        {
            List<Guid> due = await database.ReadAsync(
                (db, token) => db.Database.SqlQuery<Guid>(
                    $"""
                    SELECT vm.id AS "Value" FROM virtual_machines vm JOIN vm_status status ON status.vm_id = vm.id
                    WHERE vm.deleted_at IS NULL AND coalesce(vm.node_id, {node.Id}) = {node.Id}
                      AND (EXISTS (SELECT FROM operations WHERE vm_id = vm.id AND state IN ('pending', 'running', 'cancelling'))
                           OR vm.desired_state <> status.phase
                              AND NOT (status.phase = 'crashed' AND (vm.desired_state = 'stopped' OR vm.restart_policy = 'never')))
                    """).ToListAsync(token),
                ct).ConfigureAwait(false);
            due.ForEach(Signal);
        }
        catch (Exception away) when (TransientFaults.IsTransient(away))
        {
            LogDatabaseAway(away.Message);
        }
    }

    [LoggerMessage(1231, LogLevel.Warning, "The database is away; guests go on, work waits: {Reason}")]
    private partial void LogDatabaseAway(string reason);

    [LoggerMessage(1232, LogLevel.Error, "VM {VmId}: a pass failed; next try in {Retry}")]
    private partial void LogPassFailed(Exception failure, Guid vmId, TimeSpan retry);

    [LoggerMessage(1233, LogLevel.Warning, "VM {VmId}: waits for the database: {Reason}")]
    private partial void LogWaits(Guid vmId, string reason);

    /// <summary>The passes of one VM, one after the other.</summary>
    private sealed class VmLoop : IDisposable
    {
        private readonly Guid _vmId;
        private readonly VmDispatcher _owner;
        private readonly SemaphoreSlim _wake = new(0, 1);
        private volatile OperationRun? _run;

        public VmLoop(Guid vmId, VmDispatcher owner)
        {
            _vmId = vmId;
            _owner = owner;
            Completion = Task.Run(() => LoopAsync(owner._stopping), CancellationToken.None);
        }

        public Task Completion { get; }

        public void Dispose() => _wake.Dispose();

        public void Signal()
        {
            try
            {
                _wake.Release();
            }
            catch (SemaphoreFullException)
            {
                // A pass is due already, and will see this news.
            }

            try
            {
                _run?.Poke();
            }
            catch (ObjectDisposedException)
            {
                // It has just ended.
            }
        }

        private async Task LoopAsync(CancellationToken ct)
        {
            TimeSpan? next = null;
            TimeSpan retry = FirstRetry;
            while (true)
            {
                await _wake.WaitAsync(next ?? Timeout.InfiniteTimeSpan, ct).ConfigureAwait(false);
                await _owner._slots.WaitAsync(ct).ConfigureAwait(false);
                try
                {
                    next = await _owner.ReconcileAsync(_vmId, run => _run = run, ct).ConfigureAwait(false);
                    retry = FirstRetry;
                }
                catch (OperationCanceledException) when (ct.IsCancellationRequested)
                {
                    return;
                }
                catch (Exception failure)
                {
                    if (TransientFaults.IsTransient(failure))
                        _owner.LogWaits(_vmId, failure.Message);
                    else
                        _owner.LogPassFailed(failure, _vmId, retry);
                    next = retry;
                    retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LongestRetry.Ticks));
                }
                finally
                {
                    _owner._slots.Release();
                }
            }
        }
    }
}
