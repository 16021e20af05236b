using System.Numerics;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// A GICv3 with affinity routing and one Security state (GICD_CTLR.ARE = DS = 1), as KVM's vGICv3: distributor, one redistributor and
/// one CPU interface per PE, and LPIs if it is given memory for their tables. Group 1 is signalled as IRQ, Group 0 as FIQ. Register
/// meanings: Arm IHI 0069; where it leaves a choice, Linux's vgic decides.
/// </summary>
/// <remarks>
/// Thread: any; every entry takes the one lock and allocates nothing. The line callback runs under it and must not call back.
/// </remarks>
public sealed partial class GicV3 : ISnapshottable
{
    /// <summary>First shared peripheral interrupt.</summary>
    public const int FirstSpi = 32;

    /// <summary>Shared peripheral interrupts: INTID 32 to 287.</summary>
    public const int SpiCount = 256;

    /// <summary>First locality-specific peripheral interrupt.</summary>
    public const int FirstLpi = 8192;

    /// <summary>INTIDs end here: they have 16 bits.</summary>
    public const int IntIdLimit = 1 << 16;

    /// <summary>INTID of "nothing to acknowledge".</summary>
    public const int Spurious = 1023;

    /// <summary>Priority bits [7:3] are implemented, so 32 levels.</summary>
    internal const int PriorityMask = 0xf8;

    private const int IdlePriority = 0x100;

    /// <summary>Target of an SPI whose route names no PE.</summary>
    private const int NoTarget = -1;

    /// <summary>Target of an SPI with IROUTER.Interrupt_Routing_Mode: whichever PE takes part and has the least to do.</summary>
    private const int AnyTarget = -2;

    private readonly Lock _gate = new();
    private readonly Action<int, bool, bool> _setLines;
    private readonly GuestMemory? _memory;
    private readonly InterruptBank _spis = new(SpiCount);
    private readonly ulong[] _router = new ulong[SpiCount];
    private readonly int[] _target = new int[SpiCount];
    private readonly PerCpu[] _cpus;
    private int _anyTargets;
    private bool _group1Enabled;
    private bool _group0Enabled;
    private ulong _delivered;

    /// <summary>Creates the interrupt controller in its reset state.</summary>
    /// <param name="cpuCount">Number of PEs.</param>
    /// <param name="setLines">Receives each change of a PE's interrupt lines: PE index, IRQ and FIQ level.</param>
    /// <param name="memory">Where LPI tables live; null for a GIC without LPIs.</param>
    public GicV3(int cpuCount, Action<int, bool, bool> setLines, GuestMemory? memory = null)
    {
        _setLines = setLines;
        _memory = memory;
        _cpus = new PerCpu[cpuCount];
        for (var i = 0; i < cpuCount; i++)
            _cpus[i] = new PerCpu(i);
        Reset();
    }

    /// <summary>Interrupts acknowledged so far.</summary>
    public ulong Delivered => Volatile.Read(ref _delivered);

    /// <summary>Number of PEs.</summary>
    public int CpuCount => _cpus.Length;

    /// <summary>Returns to the state after power-on; input lines keep their levels, because devices drive them.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _spis.Reset();
            Array.Clear(_router);
            Array.Clear(_target);
            _anyTargets = 0;
            _group0Enabled = _group1Enabled = false;
            foreach (var cpu in _cpus)
                cpu.Reset();
            UpdateAll();
        }
    }

    /// <summary>Drives the line of a shared interrupt, <paramref name="intId"/> from <see cref="FirstSpi"/>.</summary>
    public void SetSpi(int intId, bool level)
    {
        lock (_gate)
        {
            _spis.SetLine(intId - FirstSpi, level);
            UpdateTarget(_target[intId - FirstSpi]);
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

    private void Route(int spi, ulong router)
    {
        const ulong RoutingMode = 1ul << 31;
        _anyTargets -= _target[spi] == AnyTarget ? 1 : 0;
        _router[spi] = router & (0xff_00ff_ffff | RoutingMode);
        _target[spi] = (router & RoutingMode) != 0 ? AnyTarget : CpuOfAffinity(_router[spi]);
        _anyTargets += _target[spi] == AnyTarget ? 1 : 0;
    }

    private int CpuOfAffinity(ulong router)
    {
        var aff0 = (int)(router & 0xff);
        var aff1 = (int)((router >> 8) & 0xff);
        var cpu = (aff1 << 4) | aff0;
        return aff0 < 16 && (router & 0xff_00ff_0000) == 0 && cpu < _cpus.Length ? cpu : NoTarget;
    }

    private void UpdateAll()
    {
        for (var cpu = 0; cpu < _cpus.Length; cpu++)
            UpdateOne(_cpus[cpu]);
    }

    private void UpdateTarget(int target)
    {
        if (target == AnyTarget)
            UpdateAll();
        else if (target != NoTarget)
            Update(target);
    }

    /// <summary>Brings a PE's lines up to date; where 1-of-N routing is in use, what one PE does may move an interrupt to another.</summary>
    private void Update(int index)
    {
        if (_anyTargets != 0)
            UpdateAll();
        else
            UpdateOne(_cpus[index]);
    }

    private void UpdateOne(PerCpu cpu)
    {
        var best = HighestPending(cpu);
        var signal = best.IntId != Spurious && cpu.Interface.CanSignal(best.Priority, best.IsGroup1);
        var irq = signal && best.IsGroup1;
        var fiq = signal && !best.IsGroup1;
        if (irq == cpu.IrqLevel && fiq == cpu.FiqLevel)
            return;
        cpu.IrqLevel = irq;
        cpu.FiqLevel = fiq;
        _setLines(cpu.Index, irq, fiq);
    }

    /// <summary>
    /// Best candidate for a PE among the groups that distributor and CPU interface enable: lowest priority value, then lowest INTID. The
    /// priority mask and what is running are not looked at.
    /// </summary>
    private Candidate HighestPending(PerCpu cpu)
    {
        var best = new Candidate(Spurious, IdlePriority, true);
        var group0 = _group0Enabled && cpu.Interface.Group0Enabled;
        var group1 = _group1Enabled && cpu.Interface.Group1Enabled;
        if (!group0 && !group1)
            return best;
        Consider(cpu.Private, 0, cpu.Private.Candidates(0) & GroupFilter(cpu.Private, 0, group0, group1), 0, ref best);
        for (var word = 0; word < SpiCount / 32; word++)
        {
            var bits = _spis.Candidates(word);
            if (bits == 0)
                continue;
            bits &= GroupFilter(_spis, word, group0, group1);
            foreach (var bit in new Bits(bits))
            {
                var target = _target[(word * 32) + bit];
                if (target != cpu.Index && (target != AnyTarget || LeastBusy((word * 32) + bit) != cpu))
                    bits &= ~(1u << bit);
            }

            Consider(_spis, word, bits, FirstSpi, ref best);
        }

        if (group1)
            ConsiderLpis(cpu, ref best);
        return best;
    }

    private static uint GroupFilter(InterruptBank bank, int word, bool group0, bool group1) =>
        (group0 ? ~bank.Group[word] : 0) | (group1 ? bank.Group[word] : 0);

    private static void Consider(InterruptBank bank, int word, uint bits, int firstIntId, ref Candidate best)
    {
        foreach (var bit in new Bits(bits))
        {
            var index = (word * 32) + bit;
            if (bank.Priority[index] < best.Priority)
                best = new Candidate(firstIntId + index, bank.Priority[index], bank.IsGroup1(index));
        }
    }

    /// <summary>The PE that a 1-of-N interrupt goes to: awake, with its group enabled, and running the least urgent thing.</summary>
    private PerCpu? LeastBusy(int spi)
    {
        PerCpu? chosen = null;
        var group1 = _spis.IsGroup1(spi);
        foreach (var cpu in _cpus)
        {
            if (!cpu.ProcessorSleep && cpu.Interface.IsEnabled(group1)
                && (chosen is null || cpu.Interface.RunningPriority > chosen.Interface.RunningPriority))
                chosen = cpu;
        }

        return chosen;
    }

    private readonly record struct Candidate(int IntId, int Priority, bool IsGroup1);

    /// <summary>Enumerates the set bits of a word, lowest first.</summary>
    private ref struct Bits(uint word)
    {
        private uint _rest = word;

        public int Current { get; private set; }

        public readonly Bits GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_rest == 0)
                return false;
            Current = BitOperations.TrailingZeroCount(_rest);
            _rest &= _rest - 1;
            return true;
        }
    }

    private sealed class PerCpu(int index)
    {
        public int Index => index;

        public InterruptBank Private { get; } = new(32);

        public GicCpuInterface Interface { get; } = new();

        public LpiPendingSet Lpis { get; } = new();

        public bool LpisEnabled { get; set; }

        public ulong PropertyBase { get; set; }

        public ulong PendingBase { get; set; }

        /// <summary>GICR_PENDBASER.PTZ as last written: the table holds nothing to be read.</summary>
        public bool PendingTableIsZero { get; set; }

        public bool ProcessorSleep { get; set; } = true;

        public bool IrqLevel { get; set; }

        public bool FiqLevel { get; set; }

        public void Reset()
        {
            Private.Reset();
            Private.Edge[0] = 0xffff; // SGIs are edge-triggered
            Interface.Reset();
            Lpis.Clear();
            LpisEnabled = false;
            PropertyBase = PendingBase = 0;
            PendingTableIsZero = false;
            ProcessorSleep = true;
        }
    }
}
