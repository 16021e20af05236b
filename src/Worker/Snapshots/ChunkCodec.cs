using System.IO.Compression;

namespace CloudVm.Worker.Snapshots;

/// <summary>How a stored chunk's bytes are encoded. The values are kept in the database.</summary>
public enum ChunkEncoding : short
{
    /// <summary>As they are: compression did not make them smaller.</summary>
    Raw = 0,

    /// <summary>One Zstandard frame.</summary>
    Zstd = 1,

    /// <summary>One Brotli stream.</summary>
    Brotli = 2,
}

/// <summary>
/// Encodes chunks for storage: Zstandard where the machine has it, else Brotli at its fastest. Every chunk says which, so nodes with and
/// without the library share one store.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class ChunkCodec(bool useZstd)
{
    private const int ZstdLevel = 1;
    private const int BrotliQuality = 1;
    private const int BrotliWindowBits = 18;

    /// <summary>Uses the best encoder of this machine.</summary>
    public ChunkCodec()
        : this(ZstdLibrary.IsPresent)
    {
    }

    /// <summary>Encodes one chunk.</summary>
    public (ChunkEncoding Encoding, byte[] Data) Encode(ReadOnlySpan<byte> chunk)
    {
        byte[] buffer = new byte[chunk.Length - 1];
        int length;
        if (useZstd)
            length = ZstdLibrary.Compress(buffer, chunk, ZstdLevel);
        else if (!BrotliEncoder.TryCompress(chunk, buffer, out length, BrotliQuality, BrotliWindowBits))
            length = 0;
        if (length == 0)
            return (ChunkEncoding.Raw, chunk.ToArray());
        return (useZstd ? ChunkEncoding.Zstd : ChunkEncoding.Brotli, buffer[..length]);
    }

    /// <summary>Decodes one chunk into <paramref name="chunk"/>, whose length says how long the content must be.</summary>
    /// <exception cref="InvalidDataException">The data is damaged, or in an encoding that this machine lacks.</exception>
    public static void Decode(ChunkEncoding encoding, ReadOnlySpan<byte> data, Span<byte> chunk)
    {
        switch (encoding)
        {
            case ChunkEncoding.Raw when data.Length == chunk.Length:
                data.CopyTo(chunk);
                break;
            case ChunkEncoding.Zstd when ZstdLibrary.IsPresent:
                ZstdLibrary.Decompress(chunk, data);
                break;
            case ChunkEncoding.Brotli when BrotliDecoder.TryDecompress(data, chunk, out int length) && length == chunk.Length:
                break;
            case ChunkEncoding.Zstd:
                throw new InvalidDataException("A chunk is stored as Zstandard, and this machine has no libzstd.so.1 (Debian package libzstd1).");
            default:
                throw new InvalidDataException($"A chunk's {encoding} data is damaged.");
        }
    }
}
