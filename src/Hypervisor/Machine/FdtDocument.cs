using System.Buffers.Binary;
using System.Text;

namespace CloudVm.Hypervisor.Machine;

/// <summary>A node of a device tree with its properties, in order.</summary>
internal sealed class FdtNode(string name)
{
    public string Name => name;

    public List<KeyValuePair<string, byte[]>> Properties { get; } = [];

    public List<FdtNode> Children { get; } = [];

    public byte[]? Find(string property) =>
        Properties.Find(p => string.Equals(p.Key, property, StringComparison.Ordinal)).Value;

    public void Set(string property, byte[] value)
    {
        Remove(property);
        Properties.Add(new(property, value));
    }

    public void Remove(string property) => Properties.RemoveAll(p => string.Equals(p.Key, property, StringComparison.Ordinal));
}

/// <summary>
/// A flattened device tree taken apart (Devicetree Specification, chapter 5). The blob is hostile: every offset and length is checked,
/// and depth and number of nodes are bounded.
/// </summary>
internal sealed class FdtDocument
{
    /// <summary>Largest blob, which is also as much as Linux maps.</summary>
    public const int MaxBytes = 2 * 1024 * 1024;

    private const uint Magic = 0xd00dfeed;
    private const uint BeginNode = 1;
    private const uint EndNode = 2;
    private const uint Property = 3;
    private const uint Nop = 4;
    private const uint End = 9;
    private const int HeaderBytes = 40;
    private const int MaxDepth = 32;
    private const int MaxNodes = 20_000;
    private const int MaxReservations = 256;

    private FdtDocument(FdtNode root, List<(ulong Address, ulong Bytes)> reservations)
    {
        Root = root;
        Reservations = reservations;
    }

    public FdtNode Root { get; }

    /// <summary>Memory that the blob's own list reserves.</summary>
    public IReadOnlyList<(ulong Address, ulong Bytes)> Reservations { get; }

    /// <summary>Takes a blob apart.</summary>
    /// <exception cref="BootException">It is no device tree, or damaged.</exception>
    public static FdtDocument Parse(ReadOnlySpan<byte> blob)
    {
        if (blob.Length > MaxBytes)
            throw new BootException($"The device tree has {blob.Length} bytes; at most {MaxBytes} are accepted.");
        if (blob.Length < HeaderBytes || Word(blob, 0) != Magic)
            throw new BootException("The device tree file is not a flattened device tree.");
        var total = Word(blob, 4);
        if (total < HeaderBytes || total > blob.Length)
            throw new BootException($"The device tree says that it has {total} bytes; its file has {blob.Length}.");
        if (Word(blob, 24) > 17 || Word(blob, 20) < 16)
            throw new BootException($"The device tree has version {Word(blob, 20)} (compatible with {Word(blob, 24)}); 16 and 17 are understood.");
        blob = blob[..(int)total];
        var strings = Block(blob, Word(blob, 12), Word(blob, 32), "strings block");
        var structure = Block(blob, Word(blob, 8), Word(blob, 20) >= 17 ? Word(blob, 36) : total - Math.Min(Word(blob, 8), total), "structure block");
        return new FdtDocument(ReadStructure(structure, strings), ReadReservations(blob, Word(blob, 16)));
    }

    /// <summary>The blob of the tree as it is now.</summary>
    public byte[] ToBlob()
    {
        var writer = new FdtWriter();
        Write(writer, Root);
        return writer.ToBlob([.. Reservations]);
    }

    private static void Write(FdtWriter writer, FdtNode node)
    {
        writer.Begin(node.Name);
        foreach (var (name, value) in node.Properties)
            writer.Bytes(name, value);
        foreach (var child in node.Children)
            Write(writer, child);
        writer.End();
    }

    private static FdtNode ReadStructure(ReadOnlySpan<byte> structure, ReadOnlySpan<byte> strings)
    {
        var open = new Stack<FdtNode>();
        FdtNode? root = null;
        var nodes = 0;
        for (var at = 0; ;)
        {
            var token = Token(structure, ref at);
            switch (token)
            {
                case BeginNode when open.Count == 0 && root is not null:
                    throw new BootException("The device tree has two roots.");
                case BeginNode:
                    if (open.Count == MaxDepth || ++nodes > MaxNodes)
                        throw new BootException($"The device tree has more than {MaxNodes} nodes, or more than {MaxDepth} levels.");
                    var node = new FdtNode(Name(structure[at..], "A node's name"));
                    at = Aligned(at + Encoding.UTF8.GetByteCount(node.Name) + 1, structure);
                    if (open.TryPeek(out var parent))
                        parent.Children.Add(node);
                    root ??= node;
                    open.Push(node);
                    break;
                case EndNode when open.Count > 0:
                    open.Pop();
                    break;
                case Property when open.Count > 0:
                    var length = Token(structure, ref at);
                    var nameAt = Token(structure, ref at);
                    if (length > structure.Length - at || nameAt >= strings.Length)
                        throw new BootException($"A property of the device tree's node '{open.Peek().Name}' lies outside the file.");
                    open.Peek().Properties.Add(new(Name(strings[(int)nameAt..], "A property's name"), structure.Slice(at, (int)length).ToArray()));
                    at = Aligned(at + (int)length, structure);
                    break;
                case Nop:
                    break;
                case End when open.Count == 0 && root is not null:
                    return root;
                default:
                    throw new BootException($"The device tree is damaged: token {token} at offset {at - 4} of its structure block.");
            }
        }
    }

    private static List<(ulong Address, ulong Bytes)> ReadReservations(ReadOnlySpan<byte> blob, uint at)
    {
        var reservations = new List<(ulong, ulong)>();
        for (long entry = at; ; entry += 16)
        {
            if (entry > blob.Length - 16 || reservations.Count > MaxReservations)
                throw new BootException($"The device tree's list of reserved memory does not end, or has more than {MaxReservations} entries.");
            var address = BinaryPrimitives.ReadUInt64BigEndian(blob[(int)entry..]);
            var bytes = BinaryPrimitives.ReadUInt64BigEndian(blob[((int)entry + 8)..]);
            if (address == 0 && bytes == 0)
                return reservations;
            reservations.Add((address, bytes));
        }
    }

    private static ReadOnlySpan<byte> Block(ReadOnlySpan<byte> blob, uint at, uint bytes, string what) =>
        at <= blob.Length && bytes <= blob.Length - at
            ? blob.Slice((int)at, (int)bytes)
            : throw new BootException($"The device tree's {what} lies outside the file.");

    private static uint Token(ReadOnlySpan<byte> structure, ref int at)
    {
        if (at > structure.Length - 4)
            throw new BootException("The device tree ends in the middle of its structure block.");
        at += 4;
        return Word(structure, at - 4);
    }

    private static string Name(ReadOnlySpan<byte> from, string what)
    {
        const int MaxNameBytes = 255;
        var end = from[..Math.Min(from.Length, MaxNameBytes + 1)].IndexOf((byte)0);
        if (end < 0 || from[..end].ContainsAnyExceptInRange((byte)0x20, (byte)0x7e))
            throw new BootException($"{what} in the device tree is not at most {MaxNameBytes} printable characters.");
        return Encoding.ASCII.GetString(from[..end]);
    }

    private static int Aligned(int at, ReadOnlySpan<byte> structure)
    {
        at = (at + 3) & ~3;
        return at <= structure.Length ? at : throw new BootException("The device tree ends in the middle of its structure block.");
    }

    private static uint Word(ReadOnlySpan<byte> blob, int at) => BinaryPrimitives.ReadUInt32BigEndian(blob[at..]);
}
