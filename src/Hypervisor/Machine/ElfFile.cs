using System.Buffers.Binary;

namespace CloudVm.Hypervisor.Machine;

/// <summary>Reads executable ELF64 files for AArch64 (System V ABI, chapters 4 and 5), trusting nothing in them.</summary>
internal static class ElfFile
{
    private const int HeaderBytes = 64;
    private const int ProgramHeaderBytes = 56;
    private const int MaxProgramHeaders = 256;
    private const byte Class64 = 2;
    private const byte LittleEndian = 1;
    private const ushort TypeExecutable = 2;
    private const ushort MachineAArch64 = 183;
    private const uint SegmentLoad = 1;

    public static bool IsElf(ReadOnlySpan<byte> file) => file.StartsWith("\u007fELF"u8);

    /// <summary>Finds what to load where; segments go to their physical addresses.</summary>
    /// <exception cref="BootException">Names every fault.</exception>
    public static KernelImage Parse(ReadOnlyMemory<byte> file, long ramBytes)
    {
        var span = file.Span;
        if (span.Length < HeaderBytes)
            throw new BootException($"The ELF file has {span.Length} bytes, less than its header.");
        var errors = new List<string>();
        if (span[4] != Class64)
            errors.Add("The ELF file is not 64-bit.");
        if (span[5] != LittleEndian)
            errors.Add("The ELF file is not little-endian.");
        var type = BinaryPrimitives.ReadUInt16LittleEndian(span[16..]);
        if (type != TypeExecutable)
            errors.Add($"The ELF file is of type {type}, not executable (2).");
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(span[18..]);
        if (machine != MachineAArch64)
            errors.Add($"The ELF file is for machine {machine}, not AArch64 (183).");
        var entry = BinaryPrimitives.ReadUInt64LittleEndian(span[24..]);
        var tableAt = BinaryPrimitives.ReadUInt64LittleEndian(span[32..]);
        var entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(span[54..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(span[56..]);
        if (entryBytes != ProgramHeaderBytes)
            errors.Add($"Program headers of {entryBytes} bytes are not understood; {ProgramHeaderBytes} are expected.");
        if (count is 0 or > MaxProgramHeaders)
            errors.Add($"The ELF file has {count} program headers; 1 to {MaxProgramHeaders} are accepted.");
        var tableBytes = (ulong)count * ProgramHeaderBytes;
        if (tableAt > (ulong)span.Length || tableBytes > (ulong)span.Length - tableAt)
            errors.Add("The program header table lies outside the file.");
        if (errors.Count > 0)
            throw new BootException(errors);

        var segments = new List<KernelSegment>();
        for (var i = 0; i < count; i++)
        {
            var at = (int)tableAt + (i * ProgramHeaderBytes);
            if (ReadSegment(file, span.Slice(at, ProgramHeaderBytes), i, ramBytes, errors) is { } segment)
                segments.Add(segment);
        }

        if (segments.Count == 0 && errors.Count == 0)
            errors.Add("The ELF file has nothing to load.");
        segments.Sort(static (a, b) => a.Address.CompareTo(b.Address));
        for (var i = 1; i < segments.Count; i++)
        {
            if (segments[i - 1].Address + segments[i - 1].MemoryBytes > segments[i].Address)
                errors.Add($"Segments overlap at 0x{segments[i].Address:x}.");
        }

        if (errors.Count == 0 && !segments.Exists(s => entry - s.Address < s.MemoryBytes))
            errors.Add($"The entry point 0x{entry:x} lies in no loaded segment.");
        return errors.Count > 0 ? throw new BootException(errors) : new KernelImage(entry, segments, IsLinux: false);
    }

    private static KernelSegment? ReadSegment(
        ReadOnlyMemory<byte> file, ReadOnlySpan<byte> header, int index, long ramBytes, List<string> errors)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != SegmentLoad)
            return null;
        var offset = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var address = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        var fileBytes = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        var memoryBytes = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        if (memoryBytes == 0)
            return null;
        var before = errors.Count;
        if (offset > (ulong)file.Length || fileBytes > (ulong)file.Length - offset)
            errors.Add($"Segment {index} has {fileBytes} bytes at offset {offset}, beyond the file's end.");
        if (fileBytes > memoryBytes)
            errors.Add($"Segment {index} has more bytes in the file ({fileBytes}) than in memory ({memoryBytes}).");
        KernelImage.CheckRange(address, memoryBytes, ramBytes, $"Segment {index}", errors);
        return errors.Count > before ? null : new KernelSegment(address, file.Slice((int)offset, (int)fileBytes), memoryBytes);
    }
}
