using System.Buffers.Binary;

namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>Numbers of the block device (VIRTIO 1.2, section 5.2), with their names there.</summary>
internal static class VirtioBlockConfig
{
    public const ulong FeatureSegMax = 1ul << 2;
    public const ulong FeatureReadOnly = 1ul << 5;
    public const ulong FeatureBlockSize = 1ul << 6;
    public const ulong FeatureFlush = 1ul << 9;
    public const ulong FeatureTopology = 1ul << 10;
    public const ulong FeatureConfigWriteback = 1ul << 11;
    public const ulong FeatureDiscard = 1ul << 13;
    public const ulong FeatureWriteZeroes = 1ul << 14;

    public const uint TypeIn = 0;
    public const uint TypeOut = 1;
    public const uint TypeFlush = 4;
    public const uint TypeGetId = 8;
    public const uint TypeDiscard = 11;
    public const uint TypeWriteZeroes = 13;

    public const byte StatusOk = 0;
    public const byte StatusIoError = 1;
    public const byte StatusUnsupported = 2;

    public const int SectorBytes = 512;
    public const int HeaderBytes = 16;
    public const int IdBytes = 20;

    /// <summary>A range of discard or write-zeroes: sector (8), number of sectors (4), flags (4).</summary>
    public const int RangeBytes = 16;

    public const uint RangeUnmap = 1;

    public const int ConfigBytes = 60;
    public const int WritebackOffset = 32;

    public const int QueueSize = 256;

    /// <summary>Header and status take one descriptor each.</summary>
    public const int MaxSegments = QueueSize - 2;

    public const int MaxRanges = 16;

    /// <summary>64 MiB: bounds how long one request keeps a pause waiting.</summary>
    public const uint MaxRangeSectors = 128 * 1024;

    /// <summary>Blocks of 4 KiB, as 2^3 logical ones; what guests align partitions and journals to.</summary>
    private const byte PhysicalBlockExponent = 3;

    public static void Write(Span<byte> config, long sizeBytes, bool writeback)
    {
        config.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(config, (ulong)(sizeBytes / SectorBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(config[12..], MaxSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(config[20..], SectorBytes);
        config[24] = PhysicalBlockExponent;
        BinaryPrimitives.WriteUInt16LittleEndian(config[26..], 1 << PhysicalBlockExponent);
        config[WritebackOffset] = writeback ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt16LittleEndian(config[34..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(config[36..], MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(config[40..], MaxRanges);
        BinaryPrimitives.WriteUInt32LittleEndian(config[44..], 1 << PhysicalBlockExponent);
        BinaryPrimitives.WriteUInt32LittleEndian(config[48..], MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(config[52..], MaxRanges);
        config[56] = 1; // write-zeroes may unmap
    }
}
