using System.Buffers.Binary;

namespace CloudVm.Contracts.Images;

/// <summary>How a disk image's file is laid out. Stored by name: a name never changes.</summary>
public enum DiskFormat
{
    /// <summary>The disk's bytes and nothing else.</summary>
    Raw = 0,

    /// <summary>QEMU's copy-on-write format, versions 2 and 3.</summary>
    Qcow2 = 1,
}

/// <summary>
/// What the beginning of a disk image says of it. Fields and limits of qcow2 are those of QEMU's docs/interop/qcow2.txt; what
/// would let an image reach beyond its own file is refused.
/// </summary>
public sealed record DiskImageHeader
{
    /// <summary>As much of an image's beginning as is looked at, in bytes.</summary>
    public const int Bytes = 112;

    /// <summary>Largest disk, in bytes (2 TiB).</summary>
    public const long MaxVirtualSizeBytes = 2L << 40;

    /// <summary>Alignment of disks, in bytes.</summary>
    public const int SectorBytes = 512;

    private const uint Magic = 0x514649fb; // "QFI" and 0xfb
    private const int MaxL1Entries = 4 * 1024 * 1024;
    private const int MinClusterBits = 9;
    private const int MaxClusterBits = 21;

    /// <summary>The layout.</summary>
    public required DiskFormat Format { get; init; }

    /// <summary>Size of the disk in bytes, a multiple of <see cref="SectorBytes"/>.</summary>
    public required long VirtualSizeBytes { get; init; }

    /// <summary>qcow2: binary logarithm of the cluster size.</summary>
    public int ClusterBits { get; init; }

    /// <summary>qcow2: entries of the first table.</summary>
    public int L1Entries { get; init; }

    /// <summary>qcow2: where the first table lies in the file.</summary>
    public long L1Offset { get; init; }

    /// <summary>qcow2: 2 or 3.</summary>
    public int Version { get; init; }

    /// <summary>qcow2: compressed clusters are Zstandard frames, not deflate streams.</summary>
    public bool IsZstd { get; init; }

    /// <summary>Whether these bytes begin a qcow2 image.</summary>
    public static bool IsQcow2(ReadOnlySpan<byte> start) => start.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(start) == Magic;

    /// <summary>Reads an image's beginning.</summary>
    /// <param name="start">Its first <see cref="Bytes"/> bytes, or all of it where it is shorter.</param>
    /// <param name="fileBytes">Length of the whole file.</param>
    /// <param name="format">The layout it is said to have; null to tell by the magic number.</param>
    /// <param name="faults">Receives every reason against it.</param>
    /// <returns>Null when there are faults.</returns>
    public static DiskImageHeader? Read(ReadOnlySpan<byte> start, long fileBytes, DiskFormat? format, ICollection<string> faults)
    {
        if (fileBytes <= 0)
        {
            faults.Add("The image is empty.");
            return null;
        }

        if ((format ?? (IsQcow2(start) ? DiskFormat.Qcow2 : DiskFormat.Raw)) == DiskFormat.Qcow2)
            return ReadQcow2(start, fileBytes, faults);
        var size = (fileBytes + SectorBytes - 1) / SectorBytes * SectorBytes;
        CheckSize(size, faults);
        return faults.Count > 0 ? null : new DiskImageHeader { Format = DiskFormat.Raw, VirtualSizeBytes = size };
    }

    private static DiskImageHeader? ReadQcow2(ReadOnlySpan<byte> start, long fileBytes, ICollection<string> faults)
    {
        const int V2Bytes = 72;
        if (!IsQcow2(start) || start.Length < V2Bytes)
        {
            faults.Add("This is no qcow2 image.");
            return null;
        }

        var version = BinaryPrimitives.ReadUInt32BigEndian(start[4..]);
        if (version is not (2 or 3) || (version == 3 && start.Length < 104))
        {
            faults.Add($"qcow2 version {version} is not understood, versions 2 and 3 are.");
            return null;
        }

        if (BinaryPrimitives.ReadUInt64BigEndian(start[8..]) != 0)
            faults.Add("The image needs a backing file; flatten it first (qemu-img convert).");
        if (BinaryPrimitives.ReadUInt32BigEndian(start[32..]) != 0)
            faults.Add("The image is encrypted.");
        var isZstd = version == 3 && ReadFeatures(start, faults);

        var clusterBits = BinaryPrimitives.ReadUInt32BigEndian(start[20..]);
        if (clusterBits is < MinClusterBits or > MaxClusterBits)
        {
            faults.Add($"The image has clusters of 2^{clusterBits} bytes; 2^{MinClusterBits} to 2^{MaxClusterBits} are possible.");
            return null;
        }

        var size = BinaryPrimitives.ReadUInt64BigEndian(start[24..]);
        var rounded = size > long.MaxValue - SectorBytes ? long.MaxValue : ((long)size + SectorBytes - 1) / SectorBytes * SectorBytes;
        CheckSize(rounded, faults);
        var bytesPerL1Entry = 1L << (int)((2 * clusterBits) - 3);
        var needed = (rounded / bytesPerL1Entry) + (rounded % bytesPerL1Entry == 0 ? 0 : 1);
        var entries = BinaryPrimitives.ReadUInt32BigEndian(start[36..]);
        var l1Offset = BinaryPrimitives.ReadUInt64BigEndian(start[40..]);
        if (entries < needed || needed > MaxL1Entries)
            faults.Add($"The image's first table has {entries} entries; its size needs {needed}, and at most {MaxL1Entries} are possible.");
        else if (l1Offset % (1UL << (int)clusterBits) != 0 || l1Offset > (ulong)fileBytes || (ulong)(needed * 8) > (ulong)fileBytes - l1Offset)
            faults.Add("The image's first table lies outside the file.");
        return faults.Count > 0
            ? null
            : new DiskImageHeader
            {
                Format = DiskFormat.Qcow2,
                VirtualSizeBytes = rounded,
                ClusterBits = (int)clusterBits,
                L1Entries = (int)needed,
                L1Offset = (long)l1Offset,
                Version = (int)version,
                IsZstd = isZstd,
            };
    }

    /// <summary>Incompatible features of version 3.</summary>
    /// <returns>Whether clusters are compressed by Zstandard.</returns>
    private static bool ReadFeatures(ReadOnlySpan<byte> start, ICollection<string> faults)
    {
        const ulong Dirty = 1; // reference counts may be off; reading does not need them
        const ulong Corrupt = 2;
        const ulong ExternalData = 4;
        const ulong CompressionType = 8;
        const ulong ExtendedL2 = 16;
        var features = BinaryPrimitives.ReadUInt64BigEndian(start[72..]);
        if ((features & Corrupt) != 0)
            faults.Add("The image says of itself that it is corrupt; repair it first (qemu-img check -r all).");
        if ((features & ExternalData) != 0)
            faults.Add("The image keeps its data in another file.");
        if ((features & ExtendedL2) != 0)
            faults.Add("The image has extended tables (subclusters), which are not understood; convert it without extended_l2.");
        if ((features & ~(Dirty | Corrupt | ExternalData | CompressionType | ExtendedL2)) is not 0 and var unknown)
            faults.Add($"The image has unknown incompatible features (0x{unknown:x}).");
        var type = (features & CompressionType) != 0 && start.Length > 104 ? start[104] : 0;
        if (type > 1)
            faults.Add($"The image's compression type {type} is not understood; deflate (0) and Zstandard (1) are.");
        return type == 1;
    }

    private static void CheckSize(long size, ICollection<string> faults)
    {
        if (size is <= 0 or > MaxVirtualSizeBytes)
            faults.Add($"The disk has {size} bytes; 1 to {MaxVirtualSizeBytes} are possible.");
    }
}
