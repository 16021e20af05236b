using System.Buffers.Binary;
using System.Text;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// A device tree of the owner's in place of the generated one. As QEMU does with <c>-dtb</c>, the machine's memory, the command line and
/// where the initial RAM disk lies are written into it; everything else is the owner's own business.
/// </summary>
internal static class CustomDeviceTree
{
    /// <summary>Completes the blob.</summary>
    /// <param name="blob">The owner's file.</param>
    /// <param name="ramBytes">Bytes of RAM.</param>
    /// <param name="commandLine">For <c>/chosen/bootargs</c>; null keeps what is there.</param>
    /// <param name="initrd">Where the initial RAM disk lies, end exclusive.</param>
    /// <exception cref="BootException">Names every fault.</exception>
    public static byte[] Complete(ReadOnlySpan<byte> blob, long ramBytes, string? commandLine, (ulong Start, ulong End)? initrd)
    {
        var tree = FdtDocument.Parse(blob);
        var errors = new List<string>();
        var addressCells = Cells(tree.Root, "#address-cells", 2, errors);
        var sizeCells = Cells(tree.Root, "#size-cells", 1, errors);
        if (errors.Count == 0 && sizeCells == 1 && ramBytes > uint.MaxValue)
            errors.Add($"The device tree's #size-cells of 1 cannot describe {ramBytes} bytes of memory; 2 can.");
        if (errors.Count > 0)
            throw new BootException(errors);

        tree.Root.Children.RemoveAll(IsMemory);
        var memory = new FdtNode($"memory@{MemoryMap.Ram:x}");
        memory.Set("device_type", Text("memory"));
        memory.Set("reg", [.. Number(MemoryMap.Ram, addressCells), .. Number((ulong)ramBytes, sizeCells)]);
        tree.Root.Children.Add(memory);

        var chosen = tree.Root.Children.Find(node => node.Name == "chosen");
        if (chosen is null)
            tree.Root.Children.Add(chosen = new FdtNode("chosen"));
        if (commandLine is not null)
            chosen.Set("bootargs", Text(commandLine));
        chosen.Remove("linux,initrd-start");
        chosen.Remove("linux,initrd-end");
        if (initrd is var (start, end))
        {
            chosen.Set("linux,initrd-start", Number(start, 2));
            chosen.Set("linux,initrd-end", Number(end, 2));
        }

        return tree.ToBlob();
    }

    private static bool IsMemory(FdtNode node) =>
        node.Find("device_type").AsSpan().SequenceEqual("memory\0"u8)
        || node.Name == "memory" || node.Name.StartsWith("memory@", StringComparison.Ordinal);

    private static int Cells(FdtNode root, string property, int standard, List<string> errors)
    {
        if (root.Find(property) is not { } value)
            return standard;
        if (value.Length == 4 && BinaryPrimitives.ReadUInt32BigEndian(value) is (1 or 2) and var cells)
            return (int)cells;
        errors.Add($"The device tree's root has a {property} that is neither 1 nor 2.");
        return standard;
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static byte[] Number(ulong value, int cells)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes[(8 - (4 * cells))..];
    }
}
