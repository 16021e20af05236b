namespace CloudVm.Contracts;

/// <summary>Bounds of a VM definition.</summary>
public static class VmLimits
{
    public const int MinVcpus = 1;

    public const int MaxVcpus = 64;

    /// <summary>Room for the device tree, a kernel's header and a bare-metal guest.</summary>
    public const int MinMemoryMiB = 4;

    /// <summary>The memory map's RAM window, whatever a node has.</summary>
    public const int MaxMemoryMiB = 255 * 1024;

    public const int DefaultMemoryMiB = 64;

    public const int MaxDisks = 16;

    /// <summary>VIRTIO_BLK_ID_BYTES: the name is the serial number that the guest reads.</summary>
    public const int MaxDiskNameLength = 20;

    /// <summary>2 TiB.</summary>
    public const long MaxDiskMiB = 2L * 1024 * 1024;

    public const int MaxNameLength = 63;

    public const int MaxDescriptionLength = 1024;

    /// <summary>COMMAND_LINE_SIZE of arm64 Linux, with the terminator.</summary>
    public const int MaxCommandLineLength = 2047;

    public const int MaxLabels = 64;

    public const int MaxLabelLength = 128;
}
