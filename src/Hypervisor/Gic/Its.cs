using CloudVm.Hypervisor.Devices;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// The interrupt translation service: turns (DeviceID, EventID) into an LPI of a PE through tables that the guest provides and
/// commands fill. All translation state lives in guest memory and is read at every use, each address checked; the registers are
/// all there is to save. Register and command meanings: Arm IHI 0069 chapters 5 and 12.
/// </summary>
/// <remarks>
/// Thread: any; its lock is taken before the GIC's. A command that names what does not exist has no effect and is counted, as with
/// KVM; the queue never stalls.
/// </remarks>
public sealed partial class Its : IMmioDevice
{
    /// <summary>Bytes of the control frame and the translation frame after it.</summary>
    public const ulong FrameBytes = 0x2_0000;

    /// <summary>Most commands that one access carries out: a vCPU that writes GITS_CWRITER must get on. Any later access continues.</summary>
    private const int CommandsPerAccess = 1024;

    private const ulong CommandBytes = 32;
    private const ulong Translater = 0x1_0040;
    private const ulong Quiescent = 1ul << 31;

    /// <summary>Implementer Arm, no product: no driver's work-around matches.</summary>
    private const uint Iidr = 0x0000_043b;

    private const uint Pidr2 = 0x3b;

    /// <summary>GITS_TYPER: Physical, ITT_entry_size 8, 16 bits of EventID and DeviceID, collections in memory only, PTA = 0.</summary>
    private const ulong Typer = 1ul | ((EntryBytes - 1) << 4) | ((EventBits - 1ul) << 8) | ((DeviceBits - 1ul) << 13);

    private const ulong CommandBaseBits = 0xf8ff_ffff_ffff_fcff;
    private const ulong CommandBaseValid = 1ul << 63;
    private const ulong CommandOffsetBits = 0xf_ffe0;

    private readonly Lock _gate = new();
    private readonly GicV3 _gic;
    private readonly GuestMemory _memory;
    private bool _enabled;
    private ulong _commandBase;
    private ulong _commandWriter;
    private ulong _commandReader;
    private ulong _deviceTable = DeviceTableReset;
    private ulong _collectionTable = CollectionTableReset;
    private ulong _commandErrors;

    /// <param name="gic">The interrupt controller, created with memory.</param>
    public Its(GicV3 gic)
    {
        _gic = gic;
        _memory = gic.Memory ?? throw new ArgumentException("An ITS needs a GIC with LPIs.", nameof(gic));
    }

    /// <summary>Commands so far that named a device, event, collection or PE that does not exist, or a table outside RAM.</summary>
    public ulong CommandErrors => Volatile.Read(ref _commandErrors);

    /// <summary>Returns to the state after power-on.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _enabled = false;
            _commandBase = _commandWriter = _commandReader = 0;
            _deviceTable = DeviceTableReset;
            _collectionTable = CollectionTableReset;
        }
    }

    /// <summary>A message-signalled interrupt of a device: what its write to GITS_TRANSLATER does.</summary>
    /// <returns>Whether it was mapped to an LPI.</returns>
    public bool Signal(uint deviceId, uint eventId)
    {
        lock (_gate)
            return _enabled && TryInterrupt(deviceId, eventId);
    }

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        lock (_gate)
        {
            RunCommands();
            return size < 4 ? 0 : offset switch
            {
                0x0000 => _enabled ? 1u : Quiescent,
                0x0004 => Iidr,
                0x0008 or 0x000c => InterruptRegisters.ReadPart(Typer, offset & 7, size),
                0x0080 or 0x0084 => InterruptRegisters.ReadPart(_commandBase, offset & 7, size),
                0x0088 or 0x008c => InterruptRegisters.ReadPart(_commandWriter, offset & 7, size),
                0x0090 or 0x0094 => InterruptRegisters.ReadPart(_commandReader, offset & 7, size),
                0x0100 or 0x0104 => InterruptRegisters.ReadPart(_deviceTable, offset & 7, size),
                0x0108 or 0x010c => InterruptRegisters.ReadPart(_collectionTable, offset & 7, size),
                0xffe8 => Pidr2,
                _ => 0,
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        lock (_gate)
        {
            if (size >= 4)
                WriteRegister(offset, size, value);
            else if (offset == Translater && size == 2 && _enabled)
                TryInterrupt(0, (uint)value);
            RunCommands();
        }
    }

    private void WriteRegister(ulong offset, int size, ulong value)
    {
        switch (offset)
        {
            case 0x0000:
                _enabled = (value & 1) != 0;
                break;
            case 0x0080 or 0x0084 when !_enabled:
                _commandBase = InterruptRegisters.MergePart(_commandBase, offset & 7, size, value) & CommandBaseBits;
                _commandReader = _commandWriter = 0;
                break;
            case 0x0088 or 0x008c:
                _commandWriter = InterruptRegisters.MergePart(_commandWriter, offset & 7, size, value) & CommandOffsetBits;
                break;
            case 0x0100 or 0x0104 when !_enabled:
                WriteTable(ref _deviceTable, DeviceTableReset, offset, size, value);
                break;
            case 0x0108 or 0x010c when !_enabled:
                WriteTable(ref _collectionTable, CollectionTableReset, offset, size, value);
                break;
            case Translater when size == 4 && _enabled:
                TryInterrupt(0, (uint)value); // a CPU's own write carries no DeviceID; it counts as device 0
                break;
        }
    }

    /// <summary>Carries out commands up to the write pointer. A pointer beyond the queue's end is ignored until it is put right.</summary>
    private void RunCommands()
    {
        if (!_enabled || (_commandBase & CommandBaseValid) == 0)
            return;
        var queueBytes = ((_commandBase & 0xff) + 1) * 4096;
        if (_commandWriter >= queueBytes || _commandReader >= queueBytes)
            return;
        Span<ulong> command = stackalloc ulong[(int)(CommandBytes / 8)];
        for (var i = 0; i < CommandsPerAccess && _commandReader != _commandWriter; i++)
        {
            var address = (_commandBase & TableAddress) + _commandReader;
            _commandReader = (_commandReader + CommandBytes) % queueBytes;
            if (!_memory.TryRead(address, System.Runtime.InteropServices.MemoryMarshal.AsBytes(command)) || !TryExecute(command))
                Volatile.Write(ref _commandErrors, _commandErrors + 1);
        }
    }

    private bool TryInterrupt(uint deviceId, uint eventId)
    {
        if (!TryFindDevice(deviceId, out var device) || !TryReadEvent(device, eventId, out _, out var translation)
            || !TryReadCollection(translation.Collection, out var cpu))
            return false;
        _gic.SetLpiPending(cpu, translation.IntId);
        return true;
    }
}
