using System.Buffers.Binary;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Virtio.Net.VirtioNetConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>
/// A network card without offloads: one queue in each direction, frames of any size up to <see cref="MaxFrameBytes"/>, and a link that
/// is up as long as the backend is.
/// </summary>
/// <remarks>Thread: as <see cref="VirtioDevice"/>. Frames under way are the network's, not the machine's: no state holds them.</remarks>
public sealed class VirtioNet : VirtioDevice
{
    private static readonly TimeSpan RetrySoon = TimeSpan.FromMilliseconds(1);

    private MacAddress _address;
    private readonly INetBackend _backend;
    private readonly byte[] _frame = new byte[HeaderBytes + MaxFrameBytes];
    private volatile bool _linkUp;

    /// <param name="address">The card's address.</param>
    /// <param name="backend">What it is connected to; disposed with the device.</param>
    /// <param name="memory">Guest memory.</param>
    public VirtioNet(MacAddress address, INetBackend backend, GuestMemory memory)
        : base("virtio-net", VirtioDeviceId.Network, FeatureMtu | FeatureMac | FeatureMergeReceiveBuffers | FeatureStatus, memory,
            QueueSize, QueueSize)
    {
        _address = address;
        _backend = backend;
    }

    /// <summary>Begins to connect; once, when the card is on its board. Whatever serves it sees the card come and go with the machine.</summary>
    public void Connect() => _backend.Start(WakeIfLive, Report);

    /// <inheritdoc/>
    public override int ConfigBytes => VirtioNetConfig.ConfigBytes;

    /// <inheritdoc/>
    public override void ReadConfig(Span<byte> config)
    {
        _address.CopyTo(config);
        BinaryPrimitives.WriteUInt16LittleEndian(config[StatusOffset..], _linkUp ? StatusLinkUp : (ushort)0);
        BinaryPrimitives.WriteUInt16LittleEndian(config[PairsOffset..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(config[MtuOffset..], Mtu);
    }

    /// <inheritdoc/>
    protected internal override TimeSpan Service()
    {
        ShowLink();
        var mayRest = Transmit();
        Receive();
        return mayRest ? Timeout.InfiniteTimeSpan : RetrySoon;
    }

    /// <inheritdoc/>
    protected internal override void Save(StateWriter writer) => writer.WriteString(_address.ToString());

    /// <summary>The card takes the saved address over: the guest has it, and every VM is alone on its network.</summary>
    protected internal override Action PrepareRestore(StateReader reader)
    {
        const int MaxText = 32;
        if (!MacAddress.TryParse(reader.ReadString(MaxText), out var address))
            throw new StateFormatException("The network card's address in the state is none.");
        return () => _address = address;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _backend.Dispose();
    }

    private void WakeIfLive()
    {
        if (IsLive)
            Wake();
    }

    private void ShowLink()
    {
        if (_linkUp == _backend.IsUp)
            return;
        _linkUp = !_linkUp;
        NotifyConfigChanged();
    }

    /// <summary>Sends what the driver has queued; false when the backend takes no more for now.</summary>
    private bool Transmit()
    {
        var queue = Queue(TransmitQueue);
        var ready = true;
        while (!ShouldYield && (ready = _backend.CanSend()) && queue.TryTake(out var chain))
        {
            if (chain.ReadableBytes < HeaderBytes)
                throw new VirtioFaultException($"a packet's header has {chain.ReadableBytes} bytes");
            var length = chain.ReadableBytes - HeaderBytes;
            if (length is >= MinFrameBytes and <= MaxFrameBytes)
            {
                var frame = _frame.AsSpan(0, (int)length);
                chain.Read(HeaderBytes, frame);
                _backend.Send(frame);
            }

            queue.Return(chain.Head, 0);
        }

        Publish(queue);
        return ready;
    }

    /// <summary>Hands received frames to the driver, as long as it has buffers; the rest waits, and the sender with it.</summary>
    private void Receive()
    {
        var queue = Queue(ReceiveQueue);
        while (!ShouldYield && _backend.PeekReceived() is { IsEmpty: false } frame)
        {
            if (!TryDeliver(queue, frame))
                break;
            _backend.DropReceived();
        }

        Publish(queue);
    }

    /// <summary>
    /// Puts a frame into one buffer, or with VIRTIO_NET_F_MRG_RXBUF into as many as it takes. A frame that the queue can never hold is lost.
    /// </summary>
    /// <returns>False when the driver must provide more buffers first.</returns>
    private bool TryDeliver(Virtqueue queue, ReadOnlySpan<byte> frame)
    {
        var needed = HeaderBytes + frame.Length;
        var most = HasFeature(FeatureMergeReceiveBuffers) ? queue.State.Size : 1;
        long room = 0;
        var buffers = 0;
        while (room < needed)
        {
            if (buffers == most || !queue.TryTake(out var chain))
            {
                queue.Untake(buffers);
                return buffers == most;
            }

            if (chain.WritableBytes < HeaderBytes)
                throw new VirtioFaultException($"a receive buffer has {chain.WritableBytes} bytes");
            room += chain.WritableBytes;
            buffers++;
        }

        var packet = _frame.AsSpan(0, needed);
        packet[..HeaderBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(packet[HeaderBuffersOffset..], (ushort)buffers);
        frame.CopyTo(packet[HeaderBytes..]);
        queue.Untake(buffers);
        for (; buffers > 0; buffers--)
        {
            if (!queue.TryTake(out var chain))
                throw new VirtioFaultException("receive buffers were taken back");
            var written = chain.Write(0, packet);
            packet = packet[written..];
            queue.Return(chain.Head, written);
        }

        return packet.IsEmpty ? true : throw new VirtioFaultException("receive buffers changed while they were in use");
    }
}
