using static CloudVm.Hypervisor.Devices.Virtio.VirtioMmioRegisters;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>
/// The memory-mapped transport of one virtio device (VIRTIO 1.2, section 4.2), without the legacy interface. It owns the device, its
/// queues' set-up and its I/O thread. A driver that breaks a rule stops this device until it resets it (DEVICE_NEEDS_RESET with a
/// configuration interrupt, and an event), and nothing else.
/// </summary>
/// <remarks>
/// Thread: any. Registers have a lock of their own that no I/O holds; whatever takes a queue out of use holds the I/O thread first, so
/// a driver's reset returns after the request at hand.
/// </remarks>
public sealed partial class VirtioMmio : IMmioDevice, IDisposable
{
    private readonly Lock _gate = new();
    private readonly VirtioDevice _device;
    private readonly VirtioWorker _worker;
    private readonly Action<bool> _setIrq;
    private readonly Action<string, string> _report;
    private VirtioMmioState _state = new();
    private bool _irq;

    /// <param name="slot">Number on the board, which names the section of saved state.</param>
    /// <param name="device">The device; disposed with this.</param>
    /// <param name="setIrq">The interrupt line.</param>
    /// <param name="report">Receives events: the device's name and what happened.</param>
    public VirtioMmio(int slot, VirtioDevice device, Action<bool> setIrq, Action<string, string> report)
    {
        _device = device;
        _setIrq = setIrq;
        _report = report;
        _worker = new VirtioWorker($"virtio{slot}", Service);
        SectionName = $"virtio/{slot}";
        device.Attach(this);
    }

    internal ulong Features => _state.DriverFeatures;

    internal bool IsLive =>
        (_state.Status & (VirtioStatus.DriverOk | VirtioStatus.NeedsReset | VirtioStatus.Failed)) == VirtioStatus.DriverOk;

    internal bool ShouldYield => _worker.ShouldYield;

    /// <inheritdoc/>
    public ulong Read(ulong offset, int size)
    {
        if (offset >= Config)
            return ReadConfig((int)(offset - Config), size);
        if (size != 4)
            return 0; // the specification knows no other access here
        lock (_gate)
        {
            return offset switch
            {
                MagicValue => Magic,
                VirtioMmioRegisters.Version => ModernVersion,
                DeviceID => _device.DeviceId,
                VendorID => Vendor,
                DeviceFeatures => _state.DeviceFeaturesSel < 2 ? (uint)(_device.OfferedFeatures >> (int)(32 * _state.DeviceFeaturesSel)) : 0,
                QueueNumMax => (uint)(Selected?.MaxSize ?? 0),
                QueueReady => Selected is { Ready: true } ? 1u : 0,
                InterruptStatus => _state.InterruptStatus,
                Status => _state.Status,
                >= SHMLenLow and <= SHMBaseHigh => uint.MaxValue, // no shared memory region exists
                ConfigGeneration => _state.ConfigGeneration,
                _ => 0,
            };
        }
    }

    /// <inheritdoc/>
    public void Write(ulong offset, int size, ulong value)
    {
        if (offset >= Config)
        {
            if (offset - Config + (ulong)size <= (ulong)_device.ConfigBytes)
                _device.WriteConfig((int)(offset - Config), size, value);
            return;
        }

        if (size != 4)
            return;
        var word = (uint)value;
        switch (offset)
        {
            case QueueNotify:
                if (IsLive && word < (uint)_device.Queues.Length)
                    _worker.Wake();
                break;
            case Status:
                WriteStatus((byte)word);
                break;
            case QueueReady:
                WriteQueueReady((word & 1) != 0);
                break;
            default:
                lock (_gate)
                    WriteRegister(offset, word);
                break;
        }
    }

    internal void Wake() => _worker.Wake();

    internal void Report(string message) => _report(_device.Name, message);

    internal void RaiseUsedBuffer()
    {
        lock (_gate)
        {
            if (IsLive)
                Raise(UsedBuffer);
        }
    }

    internal void OnConfigChanged()
    {
        lock (_gate)
        {
            _state.ConfigGeneration++;
            if (IsLive)
                Raise(ConfigurationChange);
        }
    }

    private Virtqueue? Selected => _state.QueueSel < (uint)_device.Queues.Length ? _device.Queues[(int)_state.QueueSel] : null;

    private void WriteRegister(ulong offset, uint word)
    {
        switch (offset)
        {
            case DeviceFeaturesSel:
                _state.DeviceFeaturesSel = word;
                break;
            case DriverFeaturesSel:
                _state.DriverFeaturesSel = word;
                break;
            case DriverFeatures:
                if (_state.DriverFeaturesSel < 2 && (_state.Status & VirtioStatus.FeaturesOk) == 0)
                {
                    var shift = (int)(32 * _state.DriverFeaturesSel);
                    _state.DriverFeatures = (_state.DriverFeatures & ~(0xffff_fffful << shift)) | ((ulong)word << shift);
                }

                break;
            case QueueSel:
                _state.QueueSel = word;
                break;
            case InterruptACK:
                _state.InterruptStatus &= ~word;
                UpdateIrq();
                break;
            default:
                if (Selected is { Ready: false } queue)
                    WriteQueueSetup(queue.State, offset, word);
                break;
        }
    }

    private static void WriteQueueSetup(VirtqueueState queue, ulong offset, uint word)
    {
        switch (offset)
        {
            case QueueNum:
                queue.Size = (ushort)Math.Min(word, ushort.MaxValue);
                break;
            case QueueDescLow:
                queue.Descriptors = Low(queue.Descriptors, word);
                break;
            case QueueDescHigh:
                queue.Descriptors = High(queue.Descriptors, word);
                break;
            case QueueDriverLow:
                queue.Driver = Low(queue.Driver, word);
                break;
            case QueueDriverHigh:
                queue.Driver = High(queue.Driver, word);
                break;
            case QueueDeviceLow:
                queue.Device = Low(queue.Device, word);
                break;
            case QueueDeviceHigh:
                queue.Device = High(queue.Device, word);
                break;
        }

        static ulong Low(ulong address, uint word) => (address & 0xffff_ffff_0000_0000) | word;

        static ulong High(ulong address, uint word) => (address & 0xffff_ffff) | ((ulong)word << 32);
    }

    /// <summary>
    /// Status bits are only added, except by 0, which resets. FEATURES_OK stays clear unless the accepted features are among the offered
    /// ones with VIRTIO_F_VERSION_1; DRIVER_OK needs it.
    /// </summary>
    private void WriteStatus(byte value)
    {
        if (value == 0)
        {
            Reset();
            return;
        }

        var started = false;
        lock (_gate)
        {
            var added = value & VirtioStatus.DriverBits & ~_state.Status;
            if ((added & VirtioStatus.FeaturesOk) != 0 && !FeaturesAcceptable(_state.DriverFeatures))
                added &= ~VirtioStatus.FeaturesOk;
            if (((_state.Status | added) & VirtioStatus.FeaturesOk) == 0)
                added &= ~VirtioStatus.DriverOk;
            _state.Status |= (byte)added;
            started = (added & VirtioStatus.DriverOk) != 0 && IsLive;
        }

        if (started)
        {
            _device.OnDriverReady();
            _worker.Wake();
        }
    }

    private bool FeaturesAcceptable(ulong features) =>
        (features & ~_device.OfferedFeatures) == 0 && (features & VirtioFeatures.Version1) != 0;

    private void WriteQueueReady(bool ready)
    {
        _worker.Hold();
        try
        {
            lock (_gate)
            {
                if (Selected is not { } queue || queue.Ready == ready || (_state.Status & VirtioStatus.FeaturesOk) == 0)
                    return;
                if (ready)
                    queue.Enable(_state.DriverFeatures);
                else
                    queue.Disable();
            }
        }
        catch (VirtioFaultException e)
        {
            Break(e.Message);
        }
        finally
        {
            _worker.Release();
        }
    }

    private ulong ReadConfig(int offset, int size)
    {
        const int MaxConfigBytes = 256;
        Span<byte> config = stackalloc byte[MaxConfigBytes];
        config.Clear();
        _device.ReadConfig(config[.._device.ConfigBytes]);
        ulong value = 0;
        for (var i = 0; i < size; i++)
            value |= (ulong)config[offset + i] << (8 * i);
        return value;
    }

    /// <summary>The I/O thread's entry: whatever goes wrong in it ends here.</summary>
    private TimeSpan Service()
    {
        if (!IsLive)
            return Timeout.InfiniteTimeSpan;
        try
        {
            return _device.Service();
        }
        catch (VirtioFaultException e)
        {
            Break(e.Message);
        }
        catch (Exception e)
        {
            Break($"it failed: {e}"); // a fault of ours, but the guest's other devices need not suffer
        }

        return Timeout.InfiniteTimeSpan;
    }

    private void Break(string reason)
    {
        lock (_gate)
        {
            if ((_state.Status & VirtioStatus.NeedsReset) != 0)
                return;
            var wasLive = IsLive;
            _state.Status |= VirtioStatus.NeedsReset;
            _state.ConfigGeneration++;
            if (wasLive)
                Raise(ConfigurationChange);
        }

        Report($"stopped until its driver resets it: {reason}");
    }

    private void Raise(uint cause)
    {
        _state.InterruptStatus |= cause;
        UpdateIrq();
    }

    private void UpdateIrq()
    {
        var level = _state.InterruptStatus != 0;
        if (level == _irq)
            return;
        _irq = level;
        _setIrq(level);
    }
}
