using CloudVm.Hypervisor.Devices.Pl061;

namespace CloudVm.Hypervisor.Machine;

/// <summary>The finger on the board's power button: a press holds the line for a moment, since drivers debounce it.</summary>
/// <remarks>Thread: any; released on a timer thread. The line's level is the GPIO's state, so a press survives a snapshot.</remarks>
internal sealed class PowerButton : IDisposable
{
    /// <summary>
    /// gpio-keys looks at the line some milliseconds after the interrupt, on a guest that may be busy; a long press (several seconds)
    /// means something else to systemd.
    /// </summary>
    private static readonly TimeSpan Hold = TimeSpan.FromMilliseconds(500);

    private readonly Pl061 _gpio;
    private readonly ITimer _release;

    public PowerButton(Pl061 gpio, TimeProvider time)
    {
        _gpio = gpio;
        _release = time.CreateTimer(
            static state => ((Pl061)state!).SetInput(Pl061.PowerButton, false), gpio, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Presses the button; it is released a moment later.</summary>
    public void Press()
    {
        _gpio.SetInput(Pl061.PowerButton, true);
        ReleaseSoon();
    }

    /// <summary>Sees to it that a button which is down, as in a restored state, comes up.</summary>
    public void ReleaseSoon()
    {
        if (_gpio.ReadInput(Pl061.PowerButton))
            _release.Change(Hold, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Leaves the button as it is while the machine stands still.</summary>
    public void Freeze() => _release.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <inheritdoc/>
    public void Dispose() => _release.Dispose();
}
