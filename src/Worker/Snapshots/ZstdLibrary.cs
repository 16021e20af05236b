using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace CloudVm.Worker.Snapshots;

/// <summary>Zstandard through the system's <c>libzstd.so.1</c> (Debian package <c>libzstd1</c>), whose API has been stable since 1.0.</summary>
internal static class ZstdLibrary
{
    private const string Library = "libzstd.so.1";

    private static readonly ConcurrentBag<CompressionContext> Contexts = [];

    /// <summary>Whether the library is on this machine.</summary>
    public static bool IsPresent { get; } = NativeLibrary.TryLoad(Library, out _);

    /// <summary>Compresses into <paramref name="target"/>; 0 when it does not fit.</summary>
    public static int Compress(byte[] target, ReadOnlySpan<byte> source, int level)
    {
        if (!Contexts.TryTake(out CompressionContext? context))
            context = new CompressionContext();
        nuint written = ZSTD_compressCCtx(
            context, target, (nuint)target.Length, ref MemoryMarshal.GetReference(source), (nuint)source.Length, level);
        Contexts.Add(context);
        return ZSTD_isError(written) != 0 ? 0 : (int)written;
    }

    /// <summary>Decompresses a frame whose content is exactly <paramref name="target"/>'s length.</summary>
    /// <exception cref="InvalidDataException">The frame is damaged or has another length.</exception>
    public static void Decompress(Span<byte> target, ReadOnlySpan<byte> source)
    {
        nuint written = ZSTD_decompress(
            ref MemoryMarshal.GetReference(target), (nuint)target.Length, ref MemoryMarshal.GetReference(source), (nuint)source.Length);
        if (ZSTD_isError(written) != 0 || written != (nuint)target.Length)
            throw new InvalidDataException("A Zstandard frame is damaged.");
    }

    [DllImport(Library)]
    private static extern IntPtr ZSTD_createCCtx();

    [DllImport(Library)]
    private static extern nuint ZSTD_freeCCtx(IntPtr context);

    [DllImport(Library)]
    private static extern nuint ZSTD_compressCCtx(
        CompressionContext context, byte[] target, nuint capacity, ref byte source, nuint sourceLength, int level);

    [DllImport(Library)]
    private static extern nuint ZSTD_decompress(ref byte target, nuint capacity, ref byte source, nuint sourceLength);

    [DllImport(Library)]
    private static extern uint ZSTD_isError(nuint code);

    /// <summary>Working memory of one compression at a time; creating it costs more than compressing a chunk.</summary>
    private sealed class CompressionContext : SafeHandle
    {
        public CompressionContext()
            : base(IntPtr.Zero, ownsHandle: true) => SetHandle(ZSTD_createCCtx());

        public override bool IsInvalid => handle == IntPtr.Zero;

        protected override bool ReleaseHandle() => ZSTD_freeCCtx(handle) == 0;
    }
}
