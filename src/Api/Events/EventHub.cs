using System.Collections.Concurrent;
using System.Threading.Channels;
using CloudVm.Contracts.Events;

namespace CloudVm.Api.Events;

/// <summary>An event on its way to readers, with what decides who gets it.</summary>
internal sealed record PositionedEvent(long Position, Guid? ProjectId, Guid? VmId, EventRecord Record);

/// <summary>Hands events to this instance's open streams, in the order of their positions.</summary>
/// <remarks>Thread: any; events come from one reader.</remarks>
internal sealed class EventHub
{
    private const int MaxBehind = 1024;

    private readonly ConcurrentDictionary<Subscription, byte> _subscriptions = new();

    public Subscription Subscribe()
    {
        var subscription = new Subscription(this);
        _subscriptions[subscription] = 0;
        return subscription;
    }

    public void Publish(PositionedEvent item)
    {
        foreach (var subscription in _subscriptions.Keys)
            subscription.Offer(item);
    }

    /// <summary>One stream's queue. A reader that lets it fill up is dropped: it resumes from where it was, and misses nothing.</summary>
    public sealed class Subscription(EventHub hub) : IDisposable
    {
        private readonly Channel<PositionedEvent> _queue = Channel.CreateBounded<PositionedEvent>(
            new BoundedChannelOptions(MaxBehind) { SingleReader = true, SingleWriter = true });

        public ChannelReader<PositionedEvent> Events => _queue.Reader;

        public void Dispose() => hub._subscriptions.TryRemove(this, out _);

        internal void Offer(PositionedEvent item)
        {
            if (_queue.Writer.TryWrite(item))
                return;

            Dispose();
            _queue.Writer.TryComplete();
        }
    }
}
