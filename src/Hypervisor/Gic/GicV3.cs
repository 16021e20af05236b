using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// A GICv3 with affinity routing and one Security state (GICD_CTLR.ARE = DS = 1), without LPIs: distributor, one redistributor and one
/// CPU interface per PE. Only Group 1 is ever signalled (as IRQ); Group 0 would need FIQ. Register meanings: Arm IHI 0069.
/// </summary>
/// <remarks>Thread: any; every entry takes the one lock. The IRQ callback runs under it and must not call back.</remarks>
public sealed partial class GicV3 : ISnapshottable
{
    /// <summary>First shared peripheral interrupt.</summary>
    public const int FirstSpi = 32;

    /// <summary>Shared peripheral interrupts: INTID 32 to 287.</summary>
    public const int SpiCount = 256;

    /// <summary>INTID of "nothing to acknowledge".</summary>
    public const int Spurious = 1023;

    /// <summary>Priority bits [7:3] are implemented, so 32 levels.</summary>
    private const int PriorityMask = 0xf8;

    private const int IdlePriority = 0x100;

    private readonly Lock _gate = new();
    private readonly Action<int, bool> _setIrq;
    private readonly InterruptBank _spis = new(SpiCount);
    private readonly ulong[] _router = new ulong[SpiCount];
    private readonly int[] _target = new int[SpiCount];
    private readonly PerCpu[] _cpus;
    private bool _group1Enabled;
    private bool _group0Enabled;
    private ulong _delivered;

    /// <summary>Creates the interrupt controller in its reset state.</summary>
    /// <param name="cpuCount">Number of PEs.</param>
    /// <param name="setIrq">Receives each change of a PE's IRQ line: PE index and level.</param>
    public GicV3(int cpuCount, Action<int, bool> setIrq)
    {
        _setIrq = setIrq;
        _cpus = new PerCpu[cpuCount];
        for (var i = 0; i < cpuCount; i++)
            _cpus[i] = new PerCpu(i, this);
        Reset();
    }

    /// <summary>Interrupts acknowledged so far.</summary>
    public ulong Delivered => Volatile.Read(ref _delivered);

    /// <summary>Returns to the state after power-on; input lines keep their levels, because devices drive them.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _spis.Reset(group: 0);
            Array.Clear(_router);
            Array.Clear(_target);
            _group0Enabled = _group1Enabled = false;
            foreach (var cpu in _cpus)
            {
                cpu.Private.Reset(group: 0);
                cpu.Private.Edge[0] = 0xffff; // SGIs are edge-triggered
                cpu.Interface.Reset();
                cpu.ProcessorSleep = true;
            }

            UpdateAll();
        }
    }

    /// <summary>Drives the line of a shared interrupt, <paramref name="intId"/> from <see cref="FirstSpi"/>.</summary>
    public void SetSpi(int intId, bool level)
    {
        lock (_gate)
        {
            _spis.SetLine(intId - FirstSpi, level);
            Update(_target[intId - FirstSpi]);
        }
    }

    /// <summary>Drives the line of a PE's private interrupt, <paramref name="intId"/> from 16 to 31.</summary>
    public void SetPpi(int cpu, int intId, bool level)
    {
        lock (_gate)
        {
            _cpus[cpu].Private.SetLine(intId, level);
            Update(cpu);
        }
    }

    /// <summary>MPIDR_EL1 affinity of a PE in GICR_TYPER layout, Aff3..Aff0 in bits 31:0; KVM's numbering: 16 PEs per Aff1.</summary>
    private static uint Affinity(int cpu) => (uint)((cpu & 0xf) | ((cpu >> 4) << 8));

    private int CpuOfAffinity(ulong router)
    {
        var aff0 = (int)(router & 0xff);
        var aff1 = (int)((router >> 8) & 0xff);
        var cpu = (aff1 << 4) | aff0;
        return aff0 < 16 && (router & 0xff_00ff_0000) == 0 && cpu < _cpus.Length ? cpu : -1;
    }

    private void UpdateAll()
    {
        for (var cpu = 0; cpu < _cpus.Length; cpu++)
            Update(cpu);
    }

    private void Update(int index)
    {
        if (index < 0)
            return;
        var cpu = _cpus[index];
        var level = HighestPending(cpu, out var priority) != Spurious && cpu.Interface.CanSignal(priority);
        if (level == cpu.IrqLevel)
            return;
        cpu.IrqLevel = level;
        _setIrq(index, level);
    }

    /// <summary>Best candidate for a PE, before its CPU interface's priority filter.</summary>
    private int HighestPending(PerCpu cpu, out int priority)
    {
        var best = Spurious;
        priority = IdlePriority;
        if (!_group1Enabled)
            return best;
        cpu.Private.FindBest(null, 0, ref best, ref priority);
        _spis.FindBest(cpu.AcceptSpi, FirstSpi, ref best, ref priority);
        return best;
    }

    private sealed class PerCpu
    {
        public PerCpu(int index, GicV3 gic)
        {
            Index = index;
            AcceptSpi = spi => gic._target[spi] == index;
        }

        public int Index { get; }

        /// <summary>Allocated once: the search runs on every change.</summary>
        public Func<int, bool> AcceptSpi { get; }

        public InterruptBank Private { get; } = new(32);

        public GicCpuInterface Interface { get; } = new();

        public bool ProcessorSleep { get; set; } = true;

        public bool IrqLevel { get; set; }
    }
}
