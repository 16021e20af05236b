namespace CloudVm.Hypervisor.Timers;

/// <summary>
/// The guest's time: a counter at <see cref="Frequency"/> that follows the host's monotonic clock while the machine runs and stands
/// still while it is paused or saved. Its distance from the host's clock is what CNTVOFF_EL2 would hold.
/// </summary>
/// <remarks>Thread: any may read; starting, stopping and setting exclude each other (the machine's lifecycle calls do).</remarks>
public sealed class VirtualClock(TimeProvider time)
{
    /// <summary>CNTFRQ_EL0 in Hz.</summary>
    public const long Frequency = 62_500_000;

    /// <summary>Replaced as a whole, so that reading the time takes no lock.</summary>
    private volatile Position _position = new(false, 0);

    /// <summary>Ticks since the machine was first started.</summary>
    public long Now => _position is var position && position.IsRunning ? HostTicks(time) + position.Ticks : position.Ticks;

    /// <summary>Lets time run on from where it stood.</summary>
    public void Start()
    {
        if (_position is { IsRunning: false } stopped)
            _position = new(true, stopped.Ticks - HostTicks(time));
    }

    /// <summary>Stops time.</summary>
    public void Stop() => _position = new(false, Now);

    /// <summary>Sets the counter, which runs on if it runs.</summary>
    public void Set(long ticks)
    {
        var isRunning = _position.IsRunning;
        _position = new(isRunning, isRunning ? ticks - HostTicks(time) : ticks);
    }

    /// <summary>Sets the counter to the host's less <paramref name="ticks"/>, as CNTVOFF_EL2 does.</summary>
    public void SetOffset(long ticks) => Set(HostTicks(time) - ticks);

    /// <summary>Host time in nanoseconds until <paramref name="ticks"/> more have passed; zero for the past.</summary>
    public static long NanosecondsFor(long ticks)
    {
        const long NanosecondsPerTick = 1_000_000_000 / Frequency;
        return ticks <= 0 ? 0 : ticks > long.MaxValue / NanosecondsPerTick ? long.MaxValue : ticks * NanosecondsPerTick;
    }

    private static long HostTicks(TimeProvider time)
    {
        var timestamp = time.GetTimestamp();
        var frequency = time.TimestampFrequency;

        // Elsewhere than on a nanosecond clock a 128-bit product: timestamp times frequency overflows 64 bits within minutes.
        return frequency % Frequency == 0 ? timestamp / (frequency / Frequency) : (long)((Int128)timestamp * Frequency / frequency);
    }

    /// <param name="IsRunning">Whether time passes.</param>
    /// <param name="Ticks">The counter while it stands, its distance from the host's clock while it runs.</param>
    private sealed record Position(bool IsRunning, long Ticks);
}
