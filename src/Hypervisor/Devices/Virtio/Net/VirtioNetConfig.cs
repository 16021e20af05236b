namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>Numbers of the network device (VIRTIO 1.2, section 5.1), with their names there.</summary>
public static class VirtioNetConfig
{
    internal const ulong FeatureMtu = 1ul << 3;
    internal const ulong FeatureMac = 1ul << 5;
    internal const ulong FeatureMergeReceiveBuffers = 1ul << 15;
    internal const ulong FeatureStatus = 1ul << 16;

    internal const ushort StatusLinkUp = 1;

    /// <summary>mac, status, max_virtqueue_pairs, mtu.</summary>
    internal const int ConfigBytes = 12;

    internal const int StatusOffset = 6;
    internal const int PairsOffset = 8;
    internal const int MtuOffset = 10;

    /// <summary><c>virtio_net_hdr</c>, with num_buffers as its last halfword.</summary>
    internal const int HeaderBytes = 12;

    internal const int HeaderBuffersOffset = 10;

    internal const int ReceiveQueue = 0;
    internal const int TransmitQueue = 1;
    internal const int QueueSize = 256;

    /// <summary>As large as passt takes: each frame costs a guest the same, whatever it carries.</summary>
    internal const int Mtu = 65520;

    /// <summary>Destination, source and type.</summary>
    public const int MinFrameBytes = 14;

    /// <summary>The MTU with an Ethernet header.</summary>
    public const int MaxFrameBytes = MinFrameBytes + Mtu;
}
