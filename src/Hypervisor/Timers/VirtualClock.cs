namespace CloudVm.Hypervisor.Timers;

/// <summary>
/// The guest's time: a counter at <see cref="Frequency"/> that follows the host's monotonic clock while the machine runs and stands
/// still while it is paused or saved. Its distance from the host's clock is what CNTVOFF_EL2 would hold.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class VirtualClock(TimeProvider time)
{
    /// <summary>CNTFRQ_EL0 in Hz.</summary>
    public const long Frequency = 62_500_000;

    private readonly Lock _gate = new();
    private long _offset = -HostTicks(time);
    private bool _running;
    private long _frozen;

    /// <summary>Ticks since the machine was first started.</summary>
    public long Now
    {
        get
        {
            lock (_gate)
                return _running ? HostTicks(time) + _offset : _frozen;
        }
    }

    /// <summary>Lets time run on from where it stood.</summary>
    public void Start()
    {
        lock (_gate)
        {
            if (_running)
                return;
            _offset = _frozen - HostTicks(time);
            _running = true;
        }
    }

    /// <summary>Stops time.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            if (!_running)
                return;
            _frozen = HostTicks(time) + _offset;
            _running = false;
        }
    }

    /// <summary>Sets the counter of a stopped clock.</summary>
    public void Set(long ticks)
    {
        lock (_gate)
        {
            _frozen = ticks;
            _offset = ticks - HostTicks(time);
        }
    }

    /// <summary>Host time until <paramref name="ticks"/> more have passed, rounded up to a whole millisecond (the host's waiting grain).</summary>
    public static int MillisecondsFor(long ticks)
    {
        const long TicksPerMillisecond = Frequency / 1000;
        return (int)Math.Clamp((ticks + TicksPerMillisecond - 1) / TicksPerMillisecond, 0, int.MaxValue);
    }

    // 128-bit product: a nanosecond timestamp times the frequency overflows 64 bits within minutes.
    private static long HostTicks(TimeProvider time) =>
        (long)((Int128)time.GetTimestamp() * Frequency / time.TimestampFrequency);
}
