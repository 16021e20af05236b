using CloudVm.Hypervisor.Devices.Pl031;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Tests.Devices;

public sealed class Pl031Tests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public void TimeIsUtcUntilTheGuestSetsIt()
    {
        using var rtc = new Pl031(_time, _ => { });
        _time.Advance(TimeSpan.FromSeconds(1000));
        Assert.Equal(1000ul, rtc.Read(0, 4));
        rtc.Write(8, 4, 5000);
        _time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(5007ul, rtc.Read(0, 4));
    }

    [Fact]
    public void AlarmRaisesTheLineAndSurvivesSaving()
    {
        var irq = false;
        using var rtc = new Pl031(_time, level => irq = level);
        rtc.Write(0x10, 4, 1);
        rtc.Write(4, 4, 50);
        Assert.False(irq);
        var writer = new StateWriter();
        rtc.Save(writer);

        var restoredIrq = false;
        using var restored = new Pl031(_time, level => restoredIrq = level);
        restored.PrepareRestore(new StateReader("pl031", writer.Written.ToArray()))();
        _time.Advance(TimeSpan.FromSeconds(60));
        restored.Write(0x1c, 4, 0); // any access brings it up to date
        Assert.True(restoredIrq);
        restored.Write(0x1c, 4, 1);
        Assert.False(restoredIrq);
    }

    [Fact]
    public void AnAlarmInTheDistantFutureIsKept()
    {
        using var rtc = new Pl031(TimeProvider.System, _ => { });
        rtc.Write(8, 4, 0);
        rtc.Write(4, 4, int.MaxValue);
        Assert.Equal((ulong)int.MaxValue, rtc.Read(4, 4));
        var writer = new StateWriter();
        rtc.Save(writer);
        using var restored = new Pl031(TimeProvider.System, _ => { });
        restored.PrepareRestore(new StateReader("pl031", writer.Written.ToArray()))();
    }
}
