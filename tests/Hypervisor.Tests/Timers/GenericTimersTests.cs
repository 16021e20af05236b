using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Tests.Timers;

public sealed class GenericTimersTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly VirtualClock _clock;
    private readonly GenericTimers _timers;
    private readonly HashSet<(int Cpu, int IntId)> _asserted = [];

    public GenericTimersTests()
    {
        _clock = new VirtualClock(_time);
        _timers = new GenericTimers(_clock, 2, (cpu, intId, level) =>
        {
            if (level)
                _asserted.Add((cpu, intId));
            else
                _asserted.Remove((cpu, intId));
        });
        _clock.Start();
    }

    [Fact]
    public void CounterRunsAtItsFrequencyAndStandsStillWhilePaused()
    {
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(2 * VirtualClock.Frequency, _clock.Now);
        _clock.Stop();
        _time.Advance(TimeSpan.FromDays(400));
        Assert.Equal(2 * VirtualClock.Frequency, _clock.Now);
        _clock.Start();
        _time.Advance(TimeSpan.FromMilliseconds(16));
        Assert.Equal((2 * VirtualClock.Frequency) + 1_000_000, _clock.Now);
    }

    [Fact]
    public void TimerFiresAtItsCompareValueAndFollowsItsControls()
    {
        _timers.TryWrite(1, SystemRegister.CNTV_TVAL_EL0, 1000);
        _timers.TryWrite(1, SystemRegister.CNTV_CTL_EL0, 1);
        Assert.Equal(1000, _timers.NextDeadline(1));
        Assert.Null(_timers.NextDeadline(0));
        Assert.Empty(_asserted);

        _time.Advance(TimeSpan.FromMicroseconds(16)); // 1000 ticks
        _timers.Poll(1);
        Assert.Equal([(1, GenericTimers.VirtualIntId)], _asserted);
        _timers.TryRead(1, SystemRegister.CNTV_CTL_EL0, out var control);
        Assert.Equal(5ul, control);

        _timers.TryWrite(1, SystemRegister.CNTV_CTL_EL0, 3);
        Assert.Empty(_asserted);
        _timers.TryWrite(1, SystemRegister.CNTV_CTL_EL0, 1);
        Assert.Single(_asserted);
        _timers.TryWrite(1, SystemRegister.CNTV_CVAL_EL0, 1_000_000);
        Assert.Empty(_asserted);
    }

    [Fact]
    public void PhysicalTimerHasItsOwnInterrupt()
    {
        _timers.TryWrite(0, SystemRegister.CNTP_CVAL_EL0, 0);
        _timers.TryWrite(0, SystemRegister.CNTP_CTL_EL0, 1);
        Assert.Equal([(0, GenericTimers.PhysicalIntId)], _asserted);
    }

    [Fact]
    public void TimerValueIsSigned32Bits()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        _timers.TryWrite(0, SystemRegister.CNTV_TVAL_EL0, 0xffff_ffff);
        _timers.TryRead(0, SystemRegister.CNTV_CVAL_EL0, out var compare);
        Assert.Equal((ulong)VirtualClock.Frequency - 1, compare);
        _timers.TryRead(0, SystemRegister.CNTV_TVAL_EL0, out var value);
        Assert.Equal(0xffff_fffful, value);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-5, 0)]
    [InlineData(1, 16)]
    [InlineData(62_500_000, 1_000_000_000)]
    [InlineData(long.MaxValue - 100_000, long.MaxValue)]
    public void WaitsAreExact(long ticks, long nanoseconds) =>
        Assert.Equal(nanoseconds, VirtualClock.NanosecondsFor(ticks));
}
