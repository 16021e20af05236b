namespace CloudVm.Hypervisor.Devices.Virtio.Balloon;

/// <summary>Numbers of the memory balloon (VIRTIO 1.2, section 5.5), with their names there.</summary>
internal static class VirtioBalloonConfig
{
    public const ulong FeatureStatistics = 1ul << 1;
    public const ulong FeatureDeflateOnOom = 1ul << 2;
    public const ulong FeatureReporting = 1ul << 5;

    /// <summary>num_pages, actual.</summary>
    public const int ConfigBytes = 8;

    public const int ActualOffset = 4;

    public const int InflateQueue = 0;
    public const int DeflateQueue = 1;
    public const int StatisticsQueue = 2;

    /// <summary>Free-page hints are not offered, so their queue does not exist and reporting's follows the statistics'.</summary>
    public const int ReportingQueue = 3;

    public const int QueueSize = 128;

    /// <summary>Pages of the balloon are 4 KiB whatever the guest's own are.</summary>
    public const int PageShift = 12;

    /// <summary>Tag (2) and value (8).</summary>
    public const int StatisticBytes = 10;

    /// <summary>Most statistics that one report may hold; the specification knows ten.</summary>
    public const int MaxStatistics = 64;

    /// <summary>Tags of statistics, by number.</summary>
    public static readonly string[] StatisticNames =
    [
        "swapInBytes", "swapOutBytes", "majorFaults", "minorFaults", "freeBytes", "totalBytes", "availableBytes", "diskCachesBytes",
        "hugePageAllocations", "hugePageFailures",
    ];
}
