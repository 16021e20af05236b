namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>Register offsets of the memory-mapped transport (VIRTIO 1.2, section 4.2.2), with their names there.</summary>
internal static class VirtioMmioRegisters
{
    public const ulong MagicValue = 0x000;
    public const ulong Version = 0x004;
    public const ulong DeviceID = 0x008;
    public const ulong VendorID = 0x00c;
    public const ulong DeviceFeatures = 0x010;
    public const ulong DeviceFeaturesSel = 0x014;
    public const ulong DriverFeatures = 0x020;
    public const ulong DriverFeaturesSel = 0x024;
    public const ulong QueueSel = 0x030;
    public const ulong QueueNumMax = 0x034;
    public const ulong QueueNum = 0x038;
    public const ulong QueueReady = 0x044;
    public const ulong QueueNotify = 0x050;
    public const ulong InterruptStatus = 0x060;
    public const ulong InterruptACK = 0x064;
    public const ulong Status = 0x070;
    public const ulong QueueDescLow = 0x080;
    public const ulong QueueDescHigh = 0x084;
    public const ulong QueueDriverLow = 0x090;
    public const ulong QueueDriverHigh = 0x094;
    public const ulong QueueDeviceLow = 0x0a0;
    public const ulong QueueDeviceHigh = 0x0a4;
    public const ulong SHMLenLow = 0x0b0;
    public const ulong SHMBaseHigh = 0x0bc;
    public const ulong ConfigGeneration = 0x0fc;
    public const ulong Config = 0x100;

    /// <summary>Size of a device's region.</summary>
    public const ulong RegionBytes = 0x200;

    /// <summary>"virt".</summary>
    public const uint Magic = 0x7472_6976;

    /// <summary>A device without the legacy interface.</summary>
    public const uint ModernVersion = 2;

    /// <summary>"CLVM"; the specification gives VendorID no meaning.</summary>
    public const uint Vendor = 0x4d56_4c43;

    /// <summary>InterruptStatus: a used buffer.</summary>
    public const uint UsedBuffer = 1;

    /// <summary>InterruptStatus: the configuration changed, or the device needs a reset.</summary>
    public const uint ConfigurationChange = 2;
}
