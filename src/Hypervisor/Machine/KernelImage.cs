using System.Buffers.Binary;
using System.IO.Compression;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A piece of a kernel file and where it goes.</summary>
/// <param name="Address">Guest physical address.</param>
/// <param name="Data">Bytes to copy.</param>
/// <param name="MemoryBytes">Bytes occupied; those beyond <paramref name="Data"/> stay zero.</param>
internal readonly record struct KernelSegment(ulong Address, ReadOnlyMemory<byte> Data, ulong MemoryBytes);

/// <summary>
/// A kernel file taken apart: ELF64, arm64 Linux <c>Image</c> (also compressed with gzip), or a flat binary, told apart by content. The
/// file is hostile: every number in it is checked against the file and against RAM.
/// </summary>
internal sealed record KernelImage(ulong Entry, IReadOnlyList<KernelSegment> Segments, bool IsLinux)
{
    /// <summary>Where a flat binary goes, above RAM's start, as under QEMU.</summary>
    private const ulong FlatOffset = 0x8_0000;

    private const int LinuxHeaderBytes = 64;
    private const uint LinuxMagic = 0x644d_5241; // "ARM\x64", little-endian

    /// <summary>First byte after the image in RAM.</summary>
    public ulong End => Segments.Count == 0 ? MemoryMap.Ram : Segments.Max(s => s.Address + s.MemoryBytes);

    /// <summary>Takes a kernel file apart.</summary>
    /// <param name="file">The file's content.</param>
    /// <param name="ramBytes">Size of RAM, from <see cref="MemoryMap.Ram"/> on.</param>
    /// <exception cref="BootException">The file cannot be loaded.</exception>
    public static KernelImage Parse(ReadOnlyMemory<byte> file, long ramBytes)
    {
        if (IsGzip(file.Span))
            file = Decompress(file, ramBytes);
        if (file.Length == 0)
            throw new BootException("The kernel file is empty.");
        if (ElfFile.IsElf(file.Span))
            return ElfFile.Parse(file, ramBytes);
        return IsLinuxImage(file.Span) ? ParseLinux(file, ramBytes) : ParseFlat(file, ramBytes);
    }

    internal static void CheckRange(ulong address, ulong length, long ramBytes, string what, List<string> errors)
    {
        var offset = address - MemoryMap.Ram;
        if (address < MemoryMap.Ram || offset > (ulong)ramBytes || length > (ulong)ramBytes - offset)
            errors.Add($"{what} needs {length} bytes at 0x{address:x}, outside RAM (0x{MemoryMap.Ram:x} to 0x{MemoryMap.Ram + (ulong)ramBytes:x}).");
    }

    private static bool IsGzip(ReadOnlySpan<byte> file) => file.Length > 2 && file[0] == 0x1f && file[1] == 0x8b;

    private static bool IsLinuxImage(ReadOnlySpan<byte> file) =>
        file.Length >= LinuxHeaderBytes && BinaryPrimitives.ReadUInt32LittleEndian(file[56..]) == LinuxMagic;

    /// <summary>Unpacks at most as many bytes as RAM has, since a small file can unpack to anything.</summary>
    private static ReadOnlyMemory<byte> Decompress(ReadOnlyMemory<byte> file, long ramBytes)
    {
        const long Longest = 1L << 30; // of what is held in one piece meanwhile; kernels have tens of MiB
        ramBytes = Math.Min(ramBytes, Longest);
        try
        {
            using var source = new MemoryStream(file.ToArray(), writable: false);
            using var gzip = new GZipStream(source, CompressionMode.Decompress);
            using var target = new MemoryStream();
            var buffer = new byte[64 * 1024];
            int read;
            while ((read = gzip.Read(buffer)) > 0)
            {
                if (target.Length + read > ramBytes)
                    throw new BootException($"The compressed kernel unpacks to more than {ramBytes} bytes, which is what RAM or the loader holds.");
                target.Write(buffer, 0, read);
            }

            return target.GetBuffer().AsMemory(0, (int)target.Length);
        }
        catch (InvalidDataException e)
        {
            throw new BootException($"The compressed kernel is damaged: {e.Message}");
        }
    }

    /// <summary>Documentation/arch/arm64/booting.rst of Linux: text_offset at 8, image_size at 16, flags at 24.</summary>
    private static KernelImage ParseLinux(ReadOnlyMemory<byte> file, long ramBytes)
    {
        const ulong BigEndianFlag = 1;
        const ulong LegacyTextOffset = 0x8_0000;
        var header = file.Span;
        var textOffset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var imageSize = BinaryPrimitives.ReadUInt64LittleEndian(header[16..]);
        var flags = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if (imageSize == 0)
            textOffset = LegacyTextOffset; // kernels before 3.17 leave both fields meaningless
        var errors = new List<string>();
        if ((flags & BigEndianFlag) != 0)
            errors.Add("The kernel is big-endian; only little-endian kernels run here.");
        var memoryBytes = Math.Max(imageSize, (ulong)file.Length);
        var address = MemoryMap.Ram + textOffset;
        CheckRange(address, memoryBytes, ramBytes, "The kernel", errors);
        if (errors.Count > 0)
            throw new BootException(errors);
        return new KernelImage(address, [new KernelSegment(address, file, memoryBytes)], IsLinux: true);
    }

    private static KernelImage ParseFlat(ReadOnlyMemory<byte> file, long ramBytes)
    {
        var address = MemoryMap.Ram + FlatOffset;
        var errors = new List<string>();
        CheckRange(address, (ulong)file.Length, ramBytes, "The flat binary", errors);
        if (errors.Count > 0)
            throw new BootException(errors);
        return new KernelImage(address, [new KernelSegment(address, file, (ulong)file.Length)], IsLinux: false);
    }
}
