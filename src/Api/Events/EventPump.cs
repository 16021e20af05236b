using CloudVm.Api.Operations;
using CloudVm.Storage.Events;
using CloudVm.Storage.Notifications;
using Npgsql;

namespace CloudVm.Api.Events;

/// <summary>
/// The one listener of this instance: gives new events their positions, passes positioned ones to the open streams, and
/// wakes requests that wait for operations.
/// </summary>
internal sealed partial class EventPump(
    DatabaseListener listener,
    NpgsqlDataSource source,
    EventStore store,
    EventHub hub,
    OperationWaiters waiters,
    ApiSettings settings,
    TimeProvider timeProvider,
    ILogger<EventPump> logger) : BackgroundService
{
    /// <summary>Notifications are hints: looking now and then covers a lost one.</summary>
    private static readonly TimeSpan LookAnyway = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan TrimInterval = TimeSpan.FromMinutes(10);

    private readonly SemaphoreSlim _wake = new(1);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        listener.RunAsync(
            [DatabaseChannels.Events, DatabaseChannels.Positions, DatabaseChannels.Operations], OnConnected, OnNotification, stoppingToken),
        PumpAsync(stoppingToken),
        TrimAsync(stoppingToken));

    public override void Dispose()
    {
        _wake.Dispose();
        base.Dispose();
    }

    private void OnConnected()
    {
        Wake();
        waiters.WakeAll();
    }

    private void OnNotification(string channel, string payload)
    {
        if (channel != DatabaseChannels.Operations)
            Wake();
        else if (Guid.TryParse(payload, out var id))
            waiters.Wake(id);
    }

    private void Wake()
    {
        if (_wake.CurrentCount == 0)
            _wake.Release();
    }

    private async Task PumpAsync(CancellationToken cancellationToken)
    {
        long? position = null;
        while (true)
        {
            await _wake.WaitAsync(LookAnyway, cancellationToken);
            try
            {
                await EventSequencer.AssignAsync(source, cancellationToken);

                // What was there before this instance began is no news to its streams, which read it from the database.
                position ??= (await store.ReadBoundsAsync(cancellationToken)).Last;
                position = await PublishAfterAsync(position.Value, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogPostponed(logger, e.Message);
            }
        }
    }

    private async Task<long> PublishAfterAsync(long position, CancellationToken cancellationToken)
    {
        while (true)
        {
            var events = await store.ReadAfterAsync(position, cancellationToken);
            foreach (var item in events)
                hub.Publish(item);
            position = events.Count > 0 ? events[^1].Position : position;
            if (events.Count < EventStore.Batch)
                return position;
        }
    }

    private async Task TrimAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TrimInterval, timeProvider);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                await EventSequencer.TrimAsync(source, settings.EventRetention, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogPostponed(logger, e.Message);
            }
        }
    }

    [LoggerMessage(EventId = 300, Level = LogLevel.Warning, Message = "Events are postponed: {Reason}")]
    private static partial void LogPostponed(ILogger logger, string reason);
}
