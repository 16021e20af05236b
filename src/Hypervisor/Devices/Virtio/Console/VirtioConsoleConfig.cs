namespace CloudVm.Hypervisor.Devices.Virtio.Console;

/// <summary>Numbers of the console device (VIRTIO 1.2, section 5.3), with their names there.</summary>
internal static class VirtioConsoleConfig
{
    public const ulong FeatureMultiport = 1ul << 1;

    public const ushort EventDeviceReady = 0;
    public const ushort EventDeviceAdd = 1;
    public const ushort EventPortReady = 3;
    public const ushort EventConsolePort = 4;
    public const ushort EventPortOpen = 6;
    public const ushort EventPortName = 7;

    /// <summary>Port id (4), event (2), value (2).</summary>
    public const int ControlBytes = 8;

    /// <summary>cols, rows, max_nr_ports, emerg_wr.</summary>
    public const int ConfigBytes = 12;

    public const int MaxPortsOffset = 4;

    public const int ControlReceiveQueue = 2;
    public const int ControlTransmitQueue = 3;

    public const int DataQueueSize = 16;
    public const int ControlQueueSize = 32;
}
