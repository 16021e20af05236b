using CloudVm.Contracts.Control;
using CloudVm.Worker.Snapshots;

namespace CloudVm.Worker.Tests.Snapshots;

public sealed class ChunkCodecTests
{
    public static TheoryData<bool, int> Cases => new MatrixTheoryData<bool, int>([true, false], [0, 1, 4096, 60000, 65536]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Content_survives_and_compressible_content_shrinks(bool zstd, int randomBytes)
    {
        byte[] chunk = new byte[ControlProtocol.ChunkBytes];
        new Random(randomBytes).NextBytes(chunk.AsSpan(0, randomBytes));

        (ChunkEncoding encoding, byte[] data) = new ChunkCodec(zstd).Encode(chunk);
        byte[] back = new byte[ControlProtocol.ChunkBytes];
        ChunkCodec.Decode(encoding, data, back);

        Assert.Equal(chunk, back);
        Assert.Equal(randomBytes == chunk.Length ? ChunkEncoding.Raw : zstd ? ChunkEncoding.Zstd : ChunkEncoding.Brotli, encoding);
        Assert.True(data.Length <= (randomBytes * 1.05) + 100, $"{data.Length} bytes for {randomBytes} random ones");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Damage_is_noticed(bool zstd)
    {
        byte[] chunk = new byte[ControlProtocol.ChunkBytes];
        new Random(1).NextBytes(chunk.AsSpan(0, 100));
        (ChunkEncoding encoding, byte[] data) = new ChunkCodec(zstd).Encode(chunk);

        Assert.Throws<InvalidDataException>(() => ChunkCodec.Decode(encoding, data.AsSpan(0, data.Length - 3), new byte[chunk.Length]));
        Assert.Throws<InvalidDataException>(() => ChunkCodec.Decode(encoding, data, new byte[chunk.Length - 1]));
    }

    [Fact]
    public void Zero_chunk_has_no_hash_and_needs_no_storage()
    {
        byte[] chunk = new byte[ControlProtocol.ChunkBytes];
        Assert.True(ChunkHash.Of(chunk).IsZero);
        Assert.Equal(new byte[32], ChunkHash.Of(chunk).ToArray());
        chunk[65535] = 1;
        Assert.False(ChunkHash.Of(chunk).IsZero);
        Assert.Equal(ChunkHash.Of(chunk), ChunkHash.Read(ChunkHash.Of(chunk).ToArray()));
        Assert.NotEqual(ChunkHash.Of(chunk), ChunkHash.Zero);
    }

    /// <summary>These numbers are in databases: they never change.</summary>
    [Fact]
    public void Encodings_keep_their_numbers()
    {
        Assert.Equal(0, (short)ChunkEncoding.Raw);
        Assert.Equal(1, (short)ChunkEncoding.Zstd);
        Assert.Equal(2, (short)ChunkEncoding.Brotli);
    }
}
