using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Timers;

/// <summary>
/// The EL1 virtual and physical timers of every PE. Both count <see cref="VirtualClock"/>: the physical counter is offset by the
/// hypervisor like the virtual one (FEAT_ECV's CNTPOFF), so that no pause shows.
/// </summary>
/// <remarks>
/// Thread: a PE's registers belong to its vCPU's thread, which also polls; nobody else needs a timer's output while that thread
/// neither runs nor waits.
/// </remarks>
public sealed class GenericTimers : ISystemRegisterDevice, ISnapshottable
{
    /// <summary>INTID of the virtual timer (PPI 11).</summary>
    public const int VirtualIntId = 27;

    /// <summary>INTID of the EL1 physical timer (PPI 14).</summary>
    public const int PhysicalIntId = 30;

    private const ulong Enable = 1;
    private const ulong Mask = 2;
    private const ulong Status = 4;

    private readonly VirtualClock _clock;
    private readonly Action<int, int, bool> _setPpi;
    private readonly Timer[] _virtual;
    private readonly Timer[] _physical;

    /// <param name="clock">The machine's time.</param>
    /// <param name="cpuCount">Number of PEs.</param>
    /// <param name="setPpi">Drives a private interrupt: PE, INTID, level.</param>
    public GenericTimers(VirtualClock clock, int cpuCount, Action<int, int, bool> setPpi)
    {
        _clock = clock;
        _setPpi = setPpi;
        _virtual = new Timer[cpuCount];
        _physical = new Timer[cpuCount];
    }

    /// <inheritdoc/>
    public string SectionName => "timers";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    /// <summary>Counter value at which a timer of the PE fires next; null when none will. Reached deadlines give now.</summary>
    public long? NextDeadline(int cpu)
    {
        long? next = null;
        foreach (ref readonly var timer in (ReadOnlySpan<Timer>)[_virtual[cpu], _physical[cpu]])
        {
            if ((timer.Control & (Enable | Mask)) == Enable && (next is null || (ulong)next.Value > timer.Compare))
                next = (long)Math.Min(timer.Compare, long.MaxValue);
        }

        return next;
    }

    /// <summary>Brings the PE's timer interrupts up to date with the clock.</summary>
    public void Poll(int cpu)
    {
        var now = (ulong)_clock.Now;
        Drive(cpu, VirtualIntId, ref _virtual[cpu], now);
        Drive(cpu, PhysicalIntId, ref _physical[cpu], now);
    }

    /// <summary>Switches all timers off, as after power-on.</summary>
    public void Reset()
    {
        for (var cpu = 0; cpu < _virtual.Length; cpu++)
            Reset(cpu);
    }

    /// <summary>Switches one PE's timers off.</summary>
    public void Reset(int cpu)
    {
        _virtual[cpu].Control = _virtual[cpu].Compare = 0;
        _physical[cpu].Control = _physical[cpu].Compare = 0;
        Poll(cpu);
    }

    /// <inheritdoc/>
    public bool TryRead(int cpu, SystemRegister register, out ulong value)
    {
        var now = (ulong)_clock.Now;
        switch (register)
        {
            case SystemRegister.CNTFRQ_EL0:
                value = VirtualClock.Frequency;
                return true;
            case SystemRegister.CNTVCT_EL0 or SystemRegister.CNTPCT_EL0:
                value = now;
                return true;
            case SystemRegister.CNTV_CTL_EL0:
                value = ReadControl(in _virtual[cpu], now);
                return true;
            case SystemRegister.CNTV_CVAL_EL0:
                value = _virtual[cpu].Compare;
                return true;
            case SystemRegister.CNTV_TVAL_EL0:
                value = (uint)(_virtual[cpu].Compare - now);
                return true;
            case SystemRegister.CNTP_CTL_EL0:
                value = ReadControl(in _physical[cpu], now);
                return true;
            case SystemRegister.CNTP_CVAL_EL0:
                value = _physical[cpu].Compare;
                return true;
            case SystemRegister.CNTP_TVAL_EL0:
                value = (uint)(_physical[cpu].Compare - now);
                return true;
            default:
                value = 0;
                return false;
        }
    }

    /// <inheritdoc/>
    public bool TryWrite(int cpu, SystemRegister register, ulong value)
    {
        switch (register)
        {
            case SystemRegister.CNTV_CTL_EL0:
                _virtual[cpu].Control = value & (Enable | Mask);
                break;
            case SystemRegister.CNTV_CVAL_EL0:
                _virtual[cpu].Compare = value;
                break;
            case SystemRegister.CNTV_TVAL_EL0:
                _virtual[cpu].Compare = (ulong)(_clock.Now + (int)value);
                break;
            case SystemRegister.CNTP_CTL_EL0:
                _physical[cpu].Control = value & (Enable | Mask);
                break;
            case SystemRegister.CNTP_CVAL_EL0:
                _physical[cpu].Compare = value;
                break;
            case SystemRegister.CNTP_TVAL_EL0:
                _physical[cpu].Compare = (ulong)(_clock.Now + (int)value);
                break;
            default:
                return false;
        }

        Poll(cpu);
        return true;
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.WriteInt32(_virtual.Length);
        writer.WriteInt64(_clock.Now);
        for (var cpu = 0; cpu < _virtual.Length; cpu++)
        {
            writer.WriteUInt64(_virtual[cpu].Control);
            writer.WriteUInt64(_virtual[cpu].Compare);
            writer.WriteUInt64(_physical[cpu].Control);
            writer.WriteUInt64(_physical[cpu].Compare);
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        reader.Expect(_virtual.Length, "number of PEs");
        var now = reader.ReadInt64();
        var timers = new (Timer Virtual, Timer Physical)[_virtual.Length];
        for (var cpu = 0; cpu < timers.Length; cpu++)
        {
            timers[cpu] = (
                new Timer { Control = reader.ReadUInt64() & (Enable | Mask), Compare = reader.ReadUInt64() },
                new Timer { Control = reader.ReadUInt64() & (Enable | Mask), Compare = reader.ReadUInt64() });
        }

        return () =>
        {
            _clock.Set(now);
            for (var cpu = 0; cpu < timers.Length; cpu++)
            {
                // Output levels come back with the interrupt controller's section; Drive compares against them afresh.
                _virtual[cpu] = timers[cpu].Virtual with { Output = null };
                _physical[cpu] = timers[cpu].Physical with { Output = null };
            }
        };
    }

    private static ulong ReadControl(in Timer timer, ulong now) =>
        timer.Control | ((timer.Control & Enable) != 0 && now >= timer.Compare ? Status : 0);

    private void Drive(int cpu, int intId, ref Timer timer, ulong now)
    {
        var level = (timer.Control & (Enable | Mask)) == Enable && now >= timer.Compare;
        if (timer.Output == level)
            return;
        timer.Output = level;
        _setPpi(cpu, intId, level);
    }

    private record struct Timer
    {
        public ulong Control;
        public ulong Compare;

        /// <summary>Level last driven; null when unknown.</summary>
        public bool? Output;
    }
}
