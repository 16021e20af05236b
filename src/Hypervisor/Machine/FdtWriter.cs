using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace CloudVm.Hypervisor.Machine;

/// <summary>Writes a flattened device tree, version 17 (Devicetree Specification, chapter 5).</summary>
internal sealed class FdtWriter
{
    private const uint Magic = 0xd00dfeed;
    private const uint BeginNodeToken = 1;
    private const uint EndNodeToken = 2;
    private const uint PropertyToken = 3;
    private const uint EndToken = 9;
    private const int HeaderBytes = 40;
    private const int ReservationBytes = 16;

    private readonly ArrayBufferWriter<byte> _structure = new();
    private readonly ArrayBufferWriter<byte> _strings = new();
    private readonly Dictionary<string, int> _stringOffsets = new(StringComparer.Ordinal);
    private int _depth;

    /// <summary>Opens a node; the root's name is empty.</summary>
    public FdtWriter Begin(string name)
    {
        WriteToken(BeginNodeToken);
        WriteText(_structure, name);
        Pad();
        _depth++;
        return this;
    }

    /// <summary>Closes the innermost node.</summary>
    public FdtWriter End()
    {
        WriteToken(EndNodeToken);
        _depth--;
        return this;
    }

    /// <summary>A property without a value.</summary>
    public FdtWriter Flag(string name) => Bytes(name, []);

    public FdtWriter Text(string name, params ReadOnlySpan<string> values)
    {
        var buffer = new ArrayBufferWriter<byte>();
        foreach (var value in values)
            WriteText(buffer, value);
        return Bytes(name, buffer.WrittenSpan);
    }

    public FdtWriter Cells(string name, params ReadOnlySpan<uint> values)
    {
        Span<byte> bytes = stackalloc byte[values.Length * 4];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes[(i * 4)..], values[i]);
        return Bytes(name, bytes);
    }

    /// <summary>Pairs of cells: addresses and sizes where both take two.</summary>
    public FdtWriter Cells64(string name, params ReadOnlySpan<ulong> values)
    {
        Span<byte> bytes = stackalloc byte[values.Length * 8];
        for (var i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt64BigEndian(bytes[(i * 8)..], values[i]);
        return Bytes(name, bytes);
    }

    public FdtWriter Bytes(string name, ReadOnlySpan<byte> value)
    {
        WriteToken(PropertyToken);
        WriteToken((uint)value.Length);
        WriteToken((uint)StringOffset(name));
        _structure.Write(value);
        Pad();
        return this;
    }

    /// <summary>The finished blob.</summary>
    /// <param name="reservations">Memory that is to be left alone.</param>
    public byte[] ToBlob(params ReadOnlySpan<(ulong Address, ulong Bytes)> reservations)
    {
        if (_depth != 0)
            throw new InvalidOperationException("A node is still open.");
        WriteToken(EndToken);
        var structureAt = HeaderBytes + (ReservationBytes * (reservations.Length + 1)); // a zero entry ends the list
        var stringsAt = structureAt + _structure.WrittenCount;
        var blob = new byte[(stringsAt + _strings.WrittenCount + 7) & ~7];
        ReadOnlySpan<uint> header =
        [
            Magic, (uint)blob.Length, (uint)structureAt, (uint)stringsAt, HeaderBytes, 17, 16, 0,
            (uint)_strings.WrittenCount, (uint)_structure.WrittenCount,
        ];
        for (var i = 0; i < header.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(blob.AsSpan(i * 4), header[i]);
        for (var i = 0; i < reservations.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(blob.AsSpan(HeaderBytes + (i * ReservationBytes)), reservations[i].Address);
            BinaryPrimitives.WriteUInt64BigEndian(blob.AsSpan(HeaderBytes + (i * ReservationBytes) + 8), reservations[i].Bytes);
        }

        _structure.WrittenSpan.CopyTo(blob.AsSpan(structureAt));
        _strings.WrittenSpan.CopyTo(blob.AsSpan(stringsAt));
        return blob;
    }

    private static void WriteText(ArrayBufferWriter<byte> buffer, string text)
    {
        buffer.Write(Encoding.UTF8.GetBytes(text));
        buffer.Write<byte>([0]);
    }

    private void WriteToken(uint token)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_structure.GetSpan(4), token);
        _structure.Advance(4);
    }

    private void Pad()
    {
        var padding = -_structure.WrittenCount & 3;
        _structure.GetSpan(4)[..padding].Clear();
        _structure.Advance(padding);
    }

    private int StringOffset(string name)
    {
        if (_stringOffsets.TryGetValue(name, out var offset))
            return offset;
        offset = _strings.WrittenCount;
        WriteText(_strings, name);
        _stringOffsets.Add(name, offset);
        return offset;
    }
}
