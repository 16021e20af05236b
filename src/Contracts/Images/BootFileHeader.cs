using System.Buffers.Binary;

namespace CloudVm.Contracts.Images;

/// <summary>What the beginning of a boot file says of it: tells an upload of the wrong file before a guest is to boot it.</summary>
public static class BootFileHeader
{
    /// <summary>As much of a file's beginning as is looked at, in bytes.</summary>
    public const int Bytes = 64;

    /// <summary>Largest device tree, in bytes.</summary>
    public const int MaxDeviceTreeBytes = 2 * 1024 * 1024;

    private const uint LinuxMagic = 0x644d_5241; // "ARM\x64", little-endian
    private const uint DeviceTreeMagic = 0xd00dfeed;

    /// <summary>Why a file cannot be what it is said to be; null when nothing speaks against it.</summary>
    /// <param name="role">One of <see cref="ImageRoles"/>.</param>
    /// <param name="kind">The image's kind.</param>
    /// <param name="start">The file's first <see cref="Bytes"/> bytes, or all of it where it is shorter.</param>
    /// <param name="sizeBytes">Its length.</param>
    public static string? WhyNot(string role, ImageKind kind, ReadOnlySpan<byte> start, long sizeBytes) => role switch
    {
        ImageRoles.Dtb => WhyNoDeviceTree(start, sizeBytes),
        ImageRoles.Kernel when kind == ImageKind.LinuxBundle && !IsKernel(start) =>
            "The kernel is neither an arm64 Image (also compressed with gzip) nor an ELF file.",
        _ => null,
    };

    private static bool IsKernel(ReadOnlySpan<byte> start) =>
        start.StartsWith([(byte)0x1f, (byte)0x8b]) || start.StartsWith("\u007fELF"u8)
        || (start.Length >= Bytes && BinaryPrimitives.ReadUInt32LittleEndian(start[56..]) == LinuxMagic);

    private static string? WhyNoDeviceTree(ReadOnlySpan<byte> start, long sizeBytes)
    {
        if (sizeBytes > MaxDeviceTreeBytes)
            return $"The device tree has {sizeBytes} bytes; at most {MaxDeviceTreeBytes} are accepted.";
        if (start.Length < 40 || BinaryPrimitives.ReadUInt32BigEndian(start) != DeviceTreeMagic)
            return "The device tree is no flattened device tree (compile its source with dtc).";
        var total = BinaryPrimitives.ReadUInt32BigEndian(start[4..]);
        return total > sizeBytes ? $"The device tree says that it has {total} bytes; its file has {sizeBytes}." : null;
    }
}
