using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Pl011.Pl011Registers;

namespace CloudVm.Hypervisor.Devices.Pl011;

/// <summary>
/// PrimeCell UART. Transmission takes no time, so the transmit FIFO is always empty; the receive FIFO is as deep as the real one and
/// refills from a bounded queue. Any received byte raises both receive interrupts: the time-out, 32 bit times on hardware, is immediate,
/// and guests that enable only the level interrupt are written against emulators whose trigger is one byte whatever IFLS says.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class Pl011 : IMmioDevice, ISnapshottable
{
    /// <summary>Entries of the receive FIFO when FIFOs are enabled; otherwise 1.</summary>
    internal const int FifoDepth = 16;

    /// <summary>Most input bytes that wait for the guest; more are dropped, like on a line without flow control.</summary>
    internal const int MaxQueuedInput = 64 * 1024;

    private readonly Lock _gate = new();
    private readonly Action<byte> _transmit;
    private readonly Action<bool> _setIrq;
    private readonly Queue<byte> _received = new();
    private Pl011State _state = new();
    private int _fifoCount;
    private bool _irq;

    /// <param name="transmit">Receives every byte that the guest sends; called under the device's lock, must not block or call back.</param>
    /// <param name="setIrq">The interrupt line.</param>
    public Pl011(Action<byte> transmit, Action<bool> setIrq)
    {
        _transmit = transmit;
        _setIrq = setIrq;
    }

    /// <inheritdoc/>
    public string SectionName => "pl011";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    /// <summary>Types bytes into the UART.</summary>
    /// <returns>How many were taken; the rest found the queue full.</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            var taken = Math.Min(bytes.Length, MaxQueuedInput - _received.Count);
            foreach (var value in bytes[..taken])
                _received.Enqueue(value);
            FillFifo();
            UpdateIrq();
            return taken;
        }
    }

    /// <summary>Returns to the state after power-on; input that waits on the line stays.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _state = new Pl011State();
            for (; _fifoCount > 0; _fifoCount--)
                _received.Dequeue();
            FillFifo();
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
                DR => ReadData(),
                FR => Flags(),
                ILPR => _state.Ilpr,
                IBRD => _state.Ibrd,
                FBRD => _state.Fbrd,
                LCR_H => _state.LineControl,
                CR => _state.Control,
                IFLS => _state.FifoLevels,
                IMSC => _state.InterruptMask,
                RIS => _state.RawInterrupts,
                MIS => _state.RawInterrupts & _state.InterruptMask,
                DMACR => _state.DmaControl,
                _ => 0, // RSR: no line errors here; the rest is reserved
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        var bits = (uint)value;
        lock (_gate)
        {
            switch (offset)
            {
                case DR:
                    Transmit((byte)bits);
                    break;
                case ILPR:
                    _state.Ilpr = bits & 0xff;
                    break;
                case IBRD:
                    _state.Ibrd = bits & 0xffff;
                    break;
                case FBRD:
                    _state.Fbrd = bits & 0x3f;
                    break;
                case LCR_H:
                    _state.LineControl = bits & 0xff;
                    FillFifo();
                    break;
                case CR:
                    _state.Control = bits & 0xff87;
                    FillFifo();
                    break;
                case IFLS:
                    _state.FifoLevels = bits & 0x3f;
                    break;
                case IMSC:
                    _state.InterruptMask = bits & IntAll;
                    break;
                case ICR:
                    _state.RawInterrupts &= ~bits;
                    break;
                case DMACR:
                    _state.DmaControl = bits & 7;
                    break;
            }

            UpdateIrq();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
            (_state with { Received = [.. _received], FifoCount = _fifoCount }).Save(writer);
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        var state = Pl011State.Load(reader);
        return () =>
        {
            lock (_gate)
            {
                _state = state;
                _fifoCount = state.FifoCount;
                _received.Clear();
                foreach (var value in state.Received)
                    _received.Enqueue(value);
                _irq = (_state.RawInterrupts & _state.InterruptMask) != 0; // the interrupt controller's section holds the line
            }
        };
    }

    private int Depth => (_state.LineControl & LcrFifoEnable) != 0 ? FifoDepth : 1;

    private uint Flags()
    {
        var flags = FrCts | FrDsr | FrDcd | FrTxfe;
        if (_fifoCount == 0)
            flags |= FrRxfe;
        if (_fifoCount >= Depth)
            flags |= FrRxff;
        return flags;
    }

    private uint ReadData()
    {
        if (_fifoCount == 0)
            return 0;
        _fifoCount--;
        var value = _received.Dequeue();
        if (_fifoCount == 0)
            _state.RawInterrupts &= ~(IntRx | IntRxTimeout);
        FillFifo();
        UpdateIrq();
        return value;
    }

    private void Transmit(byte value)
    {
        // A guest that writes before enabling the UART still gets its output: early boot code counts on firmware having done so.
        if ((_state.Control & CrLoopback) == 0)
            _transmit(value);
        else if (_received.Count < MaxQueuedInput)
            _received.Enqueue(value);
        _state.RawInterrupts |= IntTx;
        FillFifo();
    }

    private void FillFifo()
    {
        var before = _fifoCount;
        _fifoCount = Math.Min(_received.Count, Math.Max(Depth, _fifoCount));
        if (_fifoCount > before)
            _state.RawInterrupts |= IntRx | IntRxTimeout;
    }

    private void UpdateIrq()
    {
        var level = (_state.RawInterrupts & _state.InterruptMask) != 0;
        if (level == _irq)
            return;
        _irq = level;
        _setIrq(level);
    }
}
