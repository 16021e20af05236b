using System.Collections.Concurrent;

namespace CloudVm.Api.Operations;

/// <summary>Wakes requests that wait for operations when the database notifies of a change.</summary>
/// <remarks>Thread: any.</remarks>
internal sealed class OperationWaiters(TimeProvider timeProvider)
{
    /// <summary>Notifications are hints: looking again now and then covers a lost one.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<Waiter, Guid> _waiters = new();
    private readonly TimeProvider _timeProvider = timeProvider;

    public Waiter Enlist(Guid operationId)
    {
        var waiter = new Waiter(this);
        _waiters[waiter] = operationId;
        return waiter;
    }

    public void Wake(Guid operationId)
    {
        foreach (var (waiter, waitsFor) in _waiters)
        {
            if (waitsFor == operationId)
                waiter.Wake();
        }
    }

    public void WakeAll()
    {
        foreach (var waiter in _waiters.Keys)
            waiter.Wake();
    }

    public sealed class Waiter(OperationWaiters owner) : IDisposable
    {
        private readonly TaskCompletionSource _woken = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Returns when the operation may have changed, at the latest after the timeout.</summary>
        public async Task WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
        {
            var patience = timeout < LookAgain ? timeout : LookAgain;
            using var enough = new CancellationTokenSource(patience, owner._timeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, cancellationToken);
            await _woken.Task.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        public void Dispose() => owner._waiters.TryRemove(this, out _);

        internal void Wake() => _woken.TrySetResult();
    }
}
