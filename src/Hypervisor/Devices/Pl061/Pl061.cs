using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Pl061.Pl061Registers;

namespace CloudVm.Hypervisor.Devices.Pl061;

/// <summary>PrimeCell GPIO with eight lines; the board wires line <see cref="PowerButton"/> to its power button.</summary>
/// <remarks>Thread: any.</remarks>
public sealed class Pl061(Action<bool> setIrq) : IMmioDevice, ISnapshottable
{
    /// <summary>Line of the power button (<c>gpio-keys</c> in the device tree).</summary>
    public const int PowerButton = 3;

    private readonly Lock _gate = new();
    private Pl061State _state = new();
    private bool _irq;

    /// <inheritdoc/>
    public string SectionName => "pl061";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    /// <summary>Drives an input line, 0 to 7.</summary>
    public void SetInput(int line, bool level)
    {
        lock (_gate)
        {
            var bit = (byte)(1 << line);
            var before = (_state.Input & bit) != 0;
            _state.Input = (byte)(level ? _state.Input | bit : _state.Input & ~bit);
            var wanted = (_state.BothEdges & bit) != 0 || ((_state.Event & bit) != 0) == level;
            if (before != level && wanted && (_state.LevelSense & bit) == 0 && (_state.Direction & bit) == 0)
                _state.Edges |= bit;
            UpdateIrq();
        }
    }

    /// <summary>Level of an input line, 0 to 7.</summary>
    public bool ReadInput(int line)
    {
        lock (_gate)
            return (_state.Input & (1 << line)) != 0;
    }

    /// <summary>Whether the guest lets changes of a line interrupt it.</summary>
    public bool IsInterruptEnabled(int line)
    {
        lock (_gate)
            return (_state.Mask & (1 << line)) != 0;
    }

    /// <summary>Returns to the state after power-on; inputs keep their levels.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _state = new Pl061State { Input = _state.Input };
            UpdateIrq();
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
                < DataEnd => (uint)(Lines & (byte)(offset >> 2)),
                DIR => _state.Direction,
                IS => _state.LevelSense,
                IBE => _state.BothEdges,
                IEV => _state.Event,
                IE => _state.Mask,
                RIS => Raw,
                MIS => (uint)(Raw & _state.Mask),
                AFSEL => _state.AlternateFunction,
                _ => 0,
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        var bits = (byte)value;
        lock (_gate)
        {
            switch (offset)
            {
                case < DataEnd:
                    var mask = (byte)(offset >> 2) & _state.Direction;
                    _state.Output = (byte)((_state.Output & ~mask) | (bits & mask));
                    break;
                case DIR:
                    _state.Direction = bits;
                    break;
                case IS:
                    _state.LevelSense = bits;
                    break;
                case IBE:
                    _state.BothEdges = bits;
                    break;
                case IEV:
                    _state.Event = bits;
                    break;
                case IE:
                    _state.Mask = bits;
                    break;
                case IC:
                    _state.Edges = (byte)(_state.Edges & ~bits);
                    break;
                case AFSEL:
                    _state.AlternateFunction = bits;
                    break;
            }

            UpdateIrq();
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
        var state = Pl061State.Load(reader);
        return () =>
        {
            lock (_gate)
            {
                _state = state;
                _irq = (Raw & _state.Mask) != 0; // the interrupt controller's section holds the line
            }
        };
    }

    private byte Lines => (byte)((_state.Output & _state.Direction) | (_state.Input & ~_state.Direction));

    /// <summary>Raw status: edges seen, and level-sensitive inputs at their active level (IEV 1: high).</summary>
    private byte Raw => (byte)(_state.Edges | (_state.LevelSense & ~(Lines ^ _state.Event)));

    private void UpdateIrq()
    {
        var level = (Raw & _state.Mask) != 0;
        if (level == _irq)
            return;
        _irq = level;
        setIrq(level);
    }
}
