using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>What a kind of virtio device does, behind the transport that all of them share.</summary>
/// <remarks>
/// Thread: <see cref="Service"/> runs on the device's I/O thread; <see cref="Reset"/>, <see cref="Save"/> and the actions of
/// <see cref="PrepareRestore"/> while that thread is held; configuration is read and written on any thread.
/// </remarks>
public abstract class VirtioDevice : IDisposable
{
    private readonly Virtqueue[] _queues;
    private VirtioMmio? _transport;

    /// <param name="name">What people call it, in events: <c>virtio-blk vda</c>.</param>
    /// <param name="deviceId">Device type number.</param>
    /// <param name="features">Features offered besides the transport's.</param>
    /// <param name="memory">Where the driver keeps its queues.</param>
    /// <param name="queueSizes">Most entries of each queue, powers of two.</param>
    protected VirtioDevice(string name, uint deviceId, ulong features, GuestMemory memory, params ReadOnlySpan<int> queueSizes)
    {
        Name = name;
        DeviceId = deviceId;
        OfferedFeatures = features | VirtioFeatures.Common;
        _queues = new Virtqueue[queueSizes.Length];
        for (var i = 0; i < _queues.Length; i++)
            _queues[i] = new Virtqueue(memory, i, queueSizes[i]);
    }

    public string Name { get; }

    public uint DeviceId { get; }

    /// <summary>Everything that the device can do.</summary>
    public ulong OfferedFeatures { get; }

    internal ReadOnlySpan<Virtqueue> Queues => _queues;

    /// <summary>What the driver accepted; 0 before it did.</summary>
    protected ulong Features => _transport?.Features ?? 0;

    /// <summary>Whether the driver is at work and the device has not been broken.</summary>
    protected bool IsLive => _transport?.IsLive ?? false;

    /// <summary>Whether <see cref="Service"/> shall return at the next request boundary.</summary>
    protected bool ShouldYield => _transport?.ShouldYield ?? false;

    /// <summary>Bytes of the device's configuration space; what lies beyond reads as zero.</summary>
    public abstract int ConfigBytes { get; }

    /// <summary>Copies the whole configuration, <see cref="ConfigBytes"/> long.</summary>
    public abstract void ReadConfig(Span<byte> config);

    /// <summary>The driver writes 1, 2, 4 or 8 bytes of configuration. Fields that are not the driver's to write stay as they are.</summary>
    public virtual void WriteConfig(int offset, int size, ulong value)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    internal void Attach(VirtioMmio transport) => _transport = transport;

    /// <summary>Serves what the driver made available and what happened outside.</summary>
    /// <returns>When to be called again unasked, or <see cref="Timeout.InfiniteTimeSpan"/>.</returns>
    /// <exception cref="VirtioFaultException">The driver broke a rule; the device stops.</exception>
    protected internal abstract TimeSpan Service();

    /// <summary>The driver has begun its work (DRIVER_OK).</summary>
    protected internal virtual void OnDriverReady()
    {
    }

    /// <summary>Returns to the state after power-on. Queues are the transport's.</summary>
    protected internal virtual void Reset()
    {
    }

    /// <summary>Raised with the device's state record.</summary>
    protected internal virtual ushort StateVersion => 1;

    /// <summary>Writes what the device itself remembers.</summary>
    protected internal virtual void Save(StateWriter writer)
    {
    }

    /// <summary>Reads and checks what <see cref="Save"/> wrote; the action takes it over and cannot fail.</summary>
    protected internal virtual Action PrepareRestore(StateReader reader) => static () => { };

    protected virtual void Dispose(bool disposing)
    {
    }

    protected Virtqueue Queue(int index) => _queues[index];

    protected bool HasFeature(ulong feature) => (Features & feature) != 0;

    /// <summary>Shows returned buffers to the driver and interrupts it if it wants that.</summary>
    protected void Publish(Virtqueue queue)
    {
        if (queue.Publish())
            _transport!.RaiseUsedBuffer();
    }

    /// <summary>Returns one buffer and shows it.</summary>
    protected void Complete(Virtqueue queue, ushort head, long written)
    {
        queue.Return(head, written);
        Publish(queue);
    }

    /// <summary>Has <see cref="Service"/> run, because of something that happened outside the guest.</summary>
    protected void Wake() => _transport?.Wake();

    /// <summary>Tells the driver that the configuration has changed.</summary>
    protected void NotifyConfigChanged() => _transport?.OnConfigChanged();

    /// <summary>Records an event that whoever runs the VM should know of.</summary>
    protected void Report(string message) => _transport?.Report(message);
}
