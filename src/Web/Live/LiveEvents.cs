using System.Collections.Immutable;
using System.Net;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Events;

namespace CloudVm.Web.Live;

/// <summary>
/// The circuit's one subscription to the API's event stream. It starts with the first subscriber and ends with the circuit.
/// </summary>
/// <remarks>Thread: any. Handlers run on the stream's thread and must not block.</remarks>
public sealed partial class LiveEvents(CloudVmClient api, TimeProvider time, ILogger<LiveEvents> logger) : IAsyncDisposable
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private ImmutableArray<Subscription> _subscriptions = [];
    private Task? _reading;

    /// <summary>Whether the stream is up, for the mark in the page's head.</summary>
    public bool Connected { get; private set; }

    /// <summary>Raised when <see cref="Connected"/> changes.</summary>
    public event Action? ConnectedChanged;

    /// <summary>Receives every event from now on, until the result is disposed.</summary>
    /// <param name="onEvent">Gets each event.</param>
    /// <param name="onResync">Called when events may have been missed: read everything again.</param>
    public IDisposable Subscribe(Action<EventRecord> onEvent, Action onResync)
    {
        var subscription = new Subscription(this, onEvent, onResync);
        lock (_lock)
        {
            _subscriptions = _subscriptions.Add(subscription);
            _reading ??= Task.Run(ReadAsync, CancellationToken.None);
        }

        return subscription;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_reading is not null)
            await _reading;
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        string? position = null;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                // What a page read before the stream's first item may be older than the stream.
                var missed = position is null;
                await foreach (var item in api.Events.ReadAsync(position, cancellationToken: _stop.Token))
                {
                    SetConnected(true);
                    position = item.Position;
                    if (missed)
                        ForEach(s => s.OnResync());
                    missed = false;
                    if (item.Event is { } record)
                        ForEach(s => s.OnEvent(record));
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (CloudVmApiException e) when (e.Status == HttpStatusCode.Gone)
            {
                position = null;
                continue;
            }
            catch (CloudVmApiException e) when (e.Status == HttpStatusCode.Unauthorized)
            {
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or CloudVmApiException)
            {
                LogInterrupted(e.Message);
            }

            SetConnected(false);
            if (!await DelayAsync())
                return;
        }
    }

    private async Task<bool> DelayAsync()
    {
        try
        {
            await Task.Delay(RetryDelay, time, _stop.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void SetConnected(bool value)
    {
        if (Connected == value)
            return;
        Connected = value;
        ConnectedChanged?.Invoke();
    }

    private void ForEach(Action<Subscription> action)
    {
        foreach (var subscription in _subscriptions)
            action(subscription);
    }

    private sealed class Subscription(LiveEvents owner, Action<EventRecord> onEvent, Action onResync) : IDisposable
    {
        public Action<EventRecord> OnEvent => onEvent;

        public Action OnResync => onResync;

        public void Dispose()
        {
            lock (owner._lock)
                owner._subscriptions = owner._subscriptions.Remove(this);
        }
    }
}
