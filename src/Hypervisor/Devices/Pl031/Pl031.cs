using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Pl031.Pl031Registers;

namespace CloudVm.Hypervisor.Devices.Pl031;

/// <summary>PrimeCell real-time clock: UTC in seconds plus an offset that the guest may set, with an alarm.</summary>
/// <remarks>Thread: any. The alarm is raised on a timer thread.</remarks>
public sealed class Pl031 : IMmioDevice, ISnapshottable, IDisposable
{
    /// <summary>Seconds, a day: host timers end below 50 days. A timer that is early looks again.</summary>
    private const int LongestWait = 24 * 60 * 60;

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Action<bool> _setIrq;
    private readonly ITimer _alarm;
    private Pl031State _state = new();
    private bool _irq;

    public Pl031(TimeProvider time, Action<bool> setIrq)
    {
        _time = time;
        _setIrq = setIrq;
        _alarm = time.CreateTimer(static s => ((Pl031)s!).OnAlarm(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public string SectionName => "pl031";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    private uint Now => (uint)(_time.GetUtcNow().ToUnixTimeSeconds() + _state.OffsetSeconds);

    /// <summary>Returns to the state after power-on; the time goes on, as with a battery.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _state = new Pl031State { OffsetSeconds = _state.OffsetSeconds };
            Update();
        }
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if (PrimeCellId.TryRead(offset, PeripheralId, out var id))
            return id;
        lock (_gate)
        {
            return offset switch
            {
                DR => Now,
                MR => _state.Match,
                LR => _state.Load,
                CR => 1, // always running
                IMSC => _state.InterruptEnabled ? 1u : 0,
                RIS => _state.RawInterrupt ? 1u : 0,
                MIS => _state.RawInterrupt && _state.InterruptEnabled ? 1u : 0,
                _ => 0,
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        lock (_gate)
        {
            switch (offset)
            {
                case MR:
                    _state.Match = (uint)value;
                    _state.Armed = true;
                    break;
                case LR:
                    _state.Load = (uint)value;
                    _state.OffsetSeconds = (uint)value - _time.GetUtcNow().ToUnixTimeSeconds();
                    break;
                case IMSC:
                    _state.InterruptEnabled = (value & 1) != 0;
                    break;
                case ICR:
                    if ((value & 1) != 0)
                        _state.RawInterrupt = false;
                    break;
                default:
                    return;
            }

            Update();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
            _state.Save(writer);
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        var state = Pl031State.LoadFrom(reader);
        return () =>
        {
            lock (_gate)
            {
                _state = state;
                _irq = state.RawInterrupt && state.InterruptEnabled; // the interrupt controller's section holds the line

                // An alarm that passed meanwhile goes off a little later: the restored state is first compared with the saved one.
                if (state.Armed)
                    _alarm.Change(TimeSpan.FromSeconds(Math.Clamp((int)(state.Match - Now), 1, LongestWait)), Timeout.InfiniteTimeSpan);
            }
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _alarm.Dispose();

    private void OnAlarm()
    {
        lock (_gate)
            Update();
    }

    private void Update()
    {
        if (_state.Armed)
        {
            var seconds = (int)(_state.Match - Now);
            if (seconds <= 0) // hardware compares for equality, but must not miss a second that passed while saved
            {
                _state.Armed = false;
                _state.RawInterrupt = true;
            }

            _alarm.Change(seconds > 0 ? TimeSpan.FromSeconds(Math.Min(seconds, LongestWait)) : Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        var level = _state.RawInterrupt && _state.InterruptEnabled;
        if (level == _irq)
            return;
        _irq = level;
        _setIrq(level);
    }
}
