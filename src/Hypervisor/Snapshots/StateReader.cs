using System.Buffers.Binary;
using System.Text;

namespace CloudVm.Hypervisor.Snapshots;

/// <summary>Reads one section's fields; every overrun is a <see cref="StateFormatException"/>, since saved state may be hostile.</summary>
public sealed class StateReader(string section, ReadOnlyMemory<byte> data)
{
    private int _position;

    /// <summary>Bytes not read yet.</summary>
    public int Remaining => data.Length - _position;

    public bool ReadBoolean() => ReadByte() switch
    {
        0 => false,
        1 => true,
        var other => throw new StateFormatException($"Section {section}: {other} is no boolean."),
    };

    public byte ReadByte() => ReadBytes(1)[0];

    public int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(ReadBytes(4));

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64LittleEndian(ReadBytes(8));

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(ReadBytes(8));

    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if (count < 0 || count > Remaining)
            throw new StateFormatException($"Section {section} ends early: {count} bytes wanted, {Remaining} left.");
        var span = data.Span.Slice(_position, count);
        _position += count;
        return span;
    }

    /// <summary>Bytes preceded by their number, at most <paramref name="limit"/>.</summary>
    public ReadOnlySpan<byte> ReadCounted(int limit)
    {
        var count = ReadInt32();
        if (count < 0 || count > limit)
            throw new StateFormatException($"Section {section}: a length of {count} exceeds the limit of {limit}.");
        return ReadBytes(count);
    }

    public string ReadString(int limit = 4096) => Encoding.UTF8.GetString(ReadCounted(limit));

    /// <summary>Reads a number that must match this machine's.</summary>
    public void Expect(int value, string what)
    {
        var saved = ReadInt32();
        if (saved != value)
            throw new StateFormatException($"Section {section}: {what} is {saved} in the state and {value} here.", incompatible: true);
    }

    /// <summary>Refuses trailing bytes.</summary>
    public void ExpectEnd()
    {
        if (Remaining != 0)
            throw new StateFormatException($"Section {section} has {Remaining} bytes too many.");
    }
}
