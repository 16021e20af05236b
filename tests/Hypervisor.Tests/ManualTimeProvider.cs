namespace CloudVm.Hypervisor.Tests;

/// <summary>Time that stands still until a test moves it. Timers never fire.</summary>
internal sealed class ManualTimeProvider : TimeProvider
{
    private long _nanoseconds;

    public override long TimestampFrequency => 1_000_000_000;

    public void Advance(TimeSpan time) => _nanoseconds += (long)time.TotalNanoseconds;

    public override long GetTimestamp() => _nanoseconds;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(_nanoseconds / 100);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NeverTimer();

    private sealed class NeverTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
