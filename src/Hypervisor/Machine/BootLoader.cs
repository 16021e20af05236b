using System.Security.Cryptography;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Machine;

/// <summary>What the boot vCPU starts with.</summary>
/// <param name="Entry">PC.</param>
/// <param name="DeviceTree">X0: address of the device tree.</param>
internal readonly record struct BootTarget(ulong Entry, ulong DeviceTree);

/// <summary>Loads kernel, initial RAM disk and device tree into empty RAM and decides where each goes.</summary>
internal static class BootLoader
{
    private const ulong Align = 2 * 1024 * 1024;
    private const int SeedBytes = 40;

    /// <summary>Loads everything.</summary>
    /// <exception cref="BootException">Names every fault; RAM may then hold parts.</exception>
    public static BootTarget Load(BootSource source, GuestMemory memory, IReadOnlyList<ulong> affinities, IReadOnlyList<int> virtioSlots)
    {
        var errors = new List<string>();
        var kernelFile = ReadFile(source.KernelPath, "kernel", memory.Size, errors);
        var initrdFile = source.InitrdPath is null ? null : ReadFile(source.InitrdPath, "initial RAM disk", memory.Size, errors);
        var treeFile = source.DtbPath is null ? null : ReadFile(source.DtbPath, "device tree", FdtDocument.MaxBytes, errors);
        if (treeFile is not null)
            Try(() => CustomDeviceTree.Complete(treeFile, memory.Size, source.CommandLine, initrd: null), errors);
        var kernel = kernelFile is null ? null : Try(() => KernelImage.Parse(kernelFile, memory.Size), errors);
        if (kernel is null || errors.Count > 0)
            throw new BootException(errors);

        foreach (var segment in kernel.Segments)
            Write(memory, segment.Address, segment.Data.Span);
        (ulong, ulong)? initrd = null;
        if (initrdFile is not null)
        {
            var start = PlaceInitrd(kernel, memory);
            Place(memory, start, initrdFile, "The initial RAM disk");
            initrd = (start, start + (ulong)initrdFile.Length);
        }

        var tree = treeFile is not null ? CustomDeviceTree.Complete(treeFile, memory.Size, source.CommandLine, initrd) : DeviceTree.Build(new DeviceTreeOptions(
            affinities, virtioSlots, memory.Size, source.CommandLine, initrd, RandomNumberGenerator.GetBytes(SeedBytes)));
        var treeAt = PlaceDeviceTree(kernel, initrd, tree.Length);
        Place(memory, treeAt, tree, "The device tree");
        return new BootTarget(kernel.Entry, treeAt);
    }

    /// <summary>Above the kernel, and not below 128 MiB (or half of RAM), where a kernel may still unpack itself.</summary>
    private static ulong PlaceInitrd(KernelImage kernel, GuestMemory memory)
    {
        const ulong Usual = 128 * 1024 * 1024;
        var preferred = memory.Base + Math.Min((ulong)memory.Size / 2, Usual);
        return AlignUp(Math.Max(preferred, kernel.End));
    }

    /// <summary>
    /// Bare-metal images find it at the start of RAM, as under QEMU, unless they are loaded there; kernels get it above everything else, in
    /// a 2 MiB block of its own as Linux requires.
    /// </summary>
    private static ulong PlaceDeviceTree(KernelImage kernel, (ulong Start, ulong End)? initrd, int length)
    {
        var startIsFree = kernel.Segments.All(s => s.Address >= MemoryMap.Ram + (ulong)length);
        if (!kernel.IsLinux && startIsFree)
            return MemoryMap.Ram;
        return AlignUp(Math.Max(kernel.End, initrd?.End ?? 0));
    }

    private static ulong AlignUp(ulong address) => (address + Align - 1) & ~(Align - 1);

    /// <summary>Runs a check; its faults join the others.</summary>
    private static T? Try<T>(Func<T> check, List<string> errors)
        where T : class
    {
        try
        {
            return check();
        }
        catch (BootException e)
        {
            errors.AddRange(e.Reasons);
            return null;
        }
    }

    private static byte[]? ReadFile(string path, string what, long limit, List<string> errors)
    {
        try
        {
            var length = new FileInfo(path).Length;
            if (length <= limit)
                return File.ReadAllBytes(path);
            errors.Add($"The {what} '{path}' has {length} bytes; at most {limit} fit.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            errors.Add($"The {what} '{path}' cannot be read: {e.Message}");
        }

        return null;
    }

    private static void Place(GuestMemory memory, ulong address, ReadOnlySpan<byte> data, string what)
    {
        var errors = new List<string>();
        KernelImage.CheckRange(address, (ulong)data.Length, memory.Size, what, errors);
        if (errors.Count > 0)
            throw new BootException(errors);
        Write(memory, address, data);
    }

    private static void Write(GuestMemory memory, ulong address, ReadOnlySpan<byte> data)
    {
        if (!memory.TryWrite(address, data))
            throw new BootException($"RAM at 0x{address:x} does not take {data.Length} bytes.");
    }
}
