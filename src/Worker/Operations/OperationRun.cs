using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;

namespace CloudVm.Worker.Operations;

/// <summary>
/// An operation while this Worker is at it: reports progress, and watches whether the work is to stop (cancelled, superseded, overdue).
/// </summary>
public sealed class OperationRun : IAsyncDisposable
{
    private const int ReportStep = 5;

    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly OperationStore _store;
    private readonly CancellationTokenSource _cancellation;
    private readonly CancellationTokenSource _watching = new();
    private readonly SemaphoreSlim _poke = new(0);
    private readonly Task _watcher;
    private int _reportedProgress = -1;
    private string _reportedPhase = "";

    /// <summary>Begins watching.</summary>
    public OperationRun(OperationStore store, OperationEntity operation, VmLease? lease, CancellationToken stopping)
    {
        _store = store;
        Operation = operation;
        Lease = lease;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _watcher = WatchAsync(_watching.Token);
    }

    /// <summary>The operation as it was claimed.</summary>
    public OperationEntity Operation { get; }

    /// <summary>The lease it runs under, if it concerns a VM.</summary>
    public VmLease? Lease { get; }

    /// <summary>Cancelled when the work is to stop; <see cref="Stop"/> says why.</summary>
    public CancellationToken Token => _cancellation.Token;

    /// <summary>Why the work is to stop; <see cref="OperationStop.None"/> also when it is the Worker that stops.</summary>
    public OperationStop Stop { get; private set; }

    /// <summary>Looks at once whether the work is to stop.</summary>
    public void Poke() => _poke.Release();

    /// <summary>Says how far the work has come. Small steps within a phase are not written.</summary>
    public async Task ReportAsync(int progress, string phase)
    {
        Token.ThrowIfCancellationRequested();
        if (string.Equals(phase, _reportedPhase, StringComparison.Ordinal) && progress < _reportedProgress + ReportStep)
            return;
        _reportedPhase = phase;
        _reportedProgress = progress;
        await _store.ReportAsync(Operation.Id, Lease, progress, phase, Token).ConfigureAwait(false);
    }

    /// <summary>Ends the operation well; see <see cref="OperationStore.SucceedAsync"/>.</summary>
    public Task<bool> SucceedAsync(Func<CloudVmDbContext, CancellationToken, Task<object?>> effect) =>
        _store.SucceedAsync(Operation.Id, Lease, effect, Token);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _watching.CancelAsync().ConfigureAwait(false);
        await _watcher.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _watching.Dispose();
        _cancellation.Dispose();
        _poke.Dispose();
    }

    private async Task WatchAsync(CancellationToken ct)
    {
        while (true)
        {
            await _poke.WaitAsync(CheckInterval, ct).ConfigureAwait(false);
            try
            {
                Stop = await _store.CheckAsync(Operation.Id, ct).ConfigureAwait(false);
            }
            catch (Exception away) when (TransientFaults.IsTransient(away))
            {
                continue; // The work itself notices when it needs the database.
            }

            if (Stop != OperationStop.None)
            {
                await _cancellation.CancelAsync().ConfigureAwait(false);
                return;
            }
        }
    }
}
