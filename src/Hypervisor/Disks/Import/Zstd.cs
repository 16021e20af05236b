using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Disks.Import;

/// <summary>Decompression by the system's <c>libzstd.so.1</c> (Debian package <c>libzstd1</c>), whose API has been stable since 1.0.</summary>
internal static partial class Zstd
{
    private const string Library = "libzstd.so.1";

    /// <summary>Whether the library is on this machine.</summary>
    public static bool IsPresent { get; } = NativeLibrary.TryLoad(Library, out _);

    /// <summary>Fills <paramref name="target"/> from the frames that <paramref name="source"/> begins with; what follows them is padding.</summary>
    /// <exception cref="InvalidDataException">A frame is damaged, or they hold another length.</exception>
    public static void Decompress(Span<byte> target, ReadOnlySpan<byte> source)
    {
        if (!IsPresent)
            throw new InvalidDataException("Zstandard needs libzstd.so.1, Debian package libzstd1.");
        while (!target.IsEmpty)
        {
            if (source.IsEmpty)
                throw new InvalidDataException("The Zstandard frame ends early.");
            var length = FindFrameCompressedSize(ref MemoryMarshal.GetReference(source), (nuint)source.Length);
            if (IsError(length) != 0)
                throw new InvalidDataException("The Zstandard frame is damaged.");
            var written = Decompress(ref MemoryMarshal.GetReference(target), (nuint)target.Length, ref MemoryMarshal.GetReference(source), length);
            if (IsError(written) != 0 || (int)written > target.Length)
                throw new InvalidDataException("The Zstandard frame is damaged, or too long.");
            target = target[(int)written..];
            source = source[(int)length..];
        }
    }

    [LibraryImport(Library, EntryPoint = "ZSTD_findFrameCompressedSize")]
    private static partial nuint FindFrameCompressedSize(ref byte source, nuint length);

    [LibraryImport(Library, EntryPoint = "ZSTD_decompress")]
    private static partial nuint Decompress(ref byte target, nuint capacity, ref byte source, nuint length);

    [LibraryImport(Library, EntryPoint = "ZSTD_isError")]
    private static partial uint IsError(nuint code);
}
