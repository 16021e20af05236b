namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>Feature bits that concern the transport and the rings (VIRTIO 1.2, section 6).</summary>
internal static class VirtioFeatures
{
    public const ulong RingIndirectDescriptors = 1ul << 28;
    public const ulong RingEventIndex = 1ul << 29;
    public const ulong Version1 = 1ul << 32;

    /// <summary>What every device here offers besides its own features.</summary>
    public const ulong Common = RingIndirectDescriptors | RingEventIndex | Version1;
}

/// <summary>Bits of the device status field (VIRTIO 1.2, section 2.1).</summary>
internal static class VirtioStatus
{
    public const byte Acknowledge = 1;
    public const byte Driver = 2;
    public const byte DriverOk = 4;
    public const byte FeaturesOk = 8;
    public const byte NeedsReset = 64;
    public const byte Failed = 128;

    /// <summary>Bits that the driver sets; it clears them only all together.</summary>
    public const byte DriverBits = Acknowledge | Driver | DriverOk | FeaturesOk | Failed;
}

/// <summary>Device type numbers (VIRTIO 1.2, section 5).</summary>
internal static class VirtioDeviceId
{
    public const uint Network = 1;
    public const uint Block = 2;
    public const uint Console = 3;
    public const uint Entropy = 4;
    public const uint Balloon = 5;
}
