using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>Reset, standstill and saved state.</summary>
public sealed partial class VirtioMmio : ISnapshottable
{
    /// <inheritdoc/>
    public string SectionName { get; }

    /// <summary>The transport's version in the high byte, the device's in the low one.</summary>
    public ushort SectionVersion => (ushort)((1 << 8) | _device.StateVersion);

    /// <summary>
    /// Finishes the request at hand and keeps the device still until <see cref="Release"/>: requests that wait stay in the driver's rings.
    /// </summary>
    public void Hold() => _worker.Hold();

    /// <summary>Lets a held device go on.</summary>
    public void Release() => _worker.Release();

    /// <summary>Returns to the state after power-on.</summary>
    public void Reset()
    {
        _worker.Hold();
        lock (_gate)
        {
            _state = new VirtioMmioState { ConfigGeneration = _state.ConfigGeneration };
            foreach (var queue in _device.Queues)
                queue.Reset();
            _device.Reset();
            UpdateIrq();
        }

        _worker.Release();
    }

    /// <summary>Ends the device's I/O thread.</summary>
    public void End() => _worker.End();

    /// <inheritdoc/>
    public void Dispose()
    {
        _worker.End();
        _device.Dispose();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
        {
            writer.WriteInt32((int)_device.DeviceId);
            writer.WriteInt32(_device.Queues.Length);
            _state.Save(writer);
            foreach (var queue in _device.Queues)
                queue.State.Save(writer);
            _device.Save(writer);
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        reader.Expect((int)_device.DeviceId, "the type of the virtio device");
        reader.Expect(_device.Queues.Length, "its number of queues");
        var state = VirtioMmioState.Load(reader);
        if ((state.Status & VirtioStatus.FeaturesOk) != 0 && !FeaturesAcceptable(state.DriverFeatures))
            throw new StateFormatException($"{_device.Name}: the driver's features 0x{state.DriverFeatures:x} are not on offer here.", incompatible: true);
        if ((state.Status & (VirtioStatus.DriverOk | VirtioStatus.FeaturesOk)) == VirtioStatus.DriverOk)
            throw new StateFormatException($"{_device.Name}: a driver at work without agreed features.");
        var actions = new List<Action>();
        foreach (var queue in _device.Queues)
            actions.Add(queue.PrepareRestore(reader, state.DriverFeatures));
        actions.Add(_device.PrepareRestore(reader));
        return () =>
        {
            lock (_gate)
            {
                _state = state;
                _irq = state.InterruptStatus != 0; // the interrupt controller's section holds the line
                foreach (var action in actions)
                    action();
            }

            if (IsLive)
                _worker.Wake(); // it is held: what the rings hold is served after the release
        };
    }
}
