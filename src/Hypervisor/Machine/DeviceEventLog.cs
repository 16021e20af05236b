using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// What devices report to whoever runs the VM: broken queues, failing host storage, a lost network. The newest are kept, and a guest
/// that provokes them without end is cut short.
/// </summary>
/// <remarks>Thread: any.</remarks>
internal sealed class DeviceEventLog(TimeProvider time)
{
    /// <summary>Events kept.</summary>
    public const int Capacity = 64;

    /// <summary>Events of one device in quick succession; then one per <see cref="Interval"/>.</summary>
    public const int Burst = 8;

    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Queue<DeviceEvent> _events = new();
    private readonly Dictionary<string, Throttle> _throttles = new(StringComparer.Ordinal);
    private long _last;

    /// <summary>Raised with each event that is kept, on the reporting thread.</summary>
    public event Action<DeviceEvent>? Added;

    /// <summary>Number of the latest event; 0 before the first.</summary>
    public long Last => Interlocked.Read(ref _last);

    /// <summary>Adds an event, unless its device has reported too many.</summary>
    public void Add(string device, string message)
    {
        DeviceEvent added;
        lock (_gate)
        {
            if (!_throttles.TryGetValue(device, out var throttle))
                _throttles[device] = throttle = new Throttle(time.GetTimestamp());
            if (!throttle.Admit(time, out var suppressed))
                return;
            if (suppressed > 0)
                message = $"{message} ({suppressed} events before this one were left out)";
            added = new DeviceEvent(_last + 1, time.GetUtcNow(), device, message);
            _events.Enqueue(added);
            if (_events.Count > Capacity)
                _events.Dequeue();
            Interlocked.Exchange(ref _last, added.Sequence);
        }

        Added?.Invoke(added);
    }

    /// <summary>The kept events after the one numbered <paramref name="after"/>, oldest first.</summary>
    public IReadOnlyList<DeviceEvent> Read(long after)
    {
        lock (_gate)
            return [.. _events.Where(e => e.Sequence > after)];
    }

    private sealed class Throttle(long refilledAt)
    {
        private double _left = Burst;
        private long _refilledAt = refilledAt;
        private long _suppressed;

        public bool Admit(TimeProvider time, out long suppressed)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(Burst, _left + (time.GetElapsedTime(_refilledAt, now) / Interval));
            _refilledAt = now;
            suppressed = _suppressed;
            if (_left < 1)
            {
                _suppressed++;
                return false;
            }

            _left--;
            _suppressed = 0;
            return true;
        }
    }
}
