using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

/// <summary>Name of a chunk: the SHA-256 of its content. All zeros stands for the zero chunk, which is never stored.</summary>
public readonly struct ChunkHash : IEquatable<ChunkHash>
{
    /// <summary>Length of a hash in bytes.</summary>
    public const int Bytes = 32;

    private readonly byte[]? _value;

    private ChunkHash(byte[] value) => _value = value;

    /// <summary>The chunk of only zeros.</summary>
    public static ChunkHash Zero => default;

    /// <summary>Whether this is the zero chunk.</summary>
    public bool IsZero => _value is null;

    /// <summary>Names <paramref name="chunk"/>, which has <see cref="ControlProtocol.ChunkBytes"/> bytes.</summary>
    public static ChunkHash Of(ReadOnlySpan<byte> chunk) =>
        chunk.ContainsAnyExcept((byte)0) ? new ChunkHash(System.Security.Cryptography.SHA256.HashData(chunk)) : Zero;

    /// <summary>Reads a hash as a manifest stores it.</summary>
    public static ChunkHash Read(ReadOnlySpan<byte> stored) =>
        stored.ContainsAnyExcept((byte)0) ? new ChunkHash(stored[..Bytes].ToArray()) : Zero;

    /// <summary>The hash as the database stores it.</summary>
    public byte[] ToArray() => _value ?? new byte[Bytes];

    /// <inheritdoc/>
    public bool Equals(ChunkHash other) => _value.AsSpan().SequenceEqual(other._value);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ChunkHash other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value is null ? 0 : BitConverter.ToInt32(_value);

    /// <inheritdoc/>
    public override string ToString() => Convert.ToHexStringLower(ToArray());
}
