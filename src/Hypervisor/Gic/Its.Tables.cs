using System.Buffers.Binary;

namespace CloudVm.Hypervisor.Gic;

/// <summary>The tables in guest memory. Their entries' layout is ours; all have 8 bytes with a valid bit 63.</summary>
/// <remarks>
/// Device table: ITT address in bits 51:8, EventID bits minus one in 4:0. Translation table: INTID in bits 31:16, collection in 15:0.
/// Collection table: number of the PE in bits 15:0.
/// </remarks>
public sealed partial class Its
{
    private const ulong EntryBytes = 8;
    private const int DeviceBits = 16;
    private const int EventBits = 16;
    private const ulong EntryValid = 1ul << 63;
    private const ulong TableValid = 1ul << 63;
    private const ulong TableIndirect = 1ul << 62;
    private const ulong TableAddress = 0x000f_ffff_ffff_f000;
    private const ulong TranslationAddress = 0x000f_ffff_ffff_ff00;

    /// <summary>GITS_BASERn read-only part: Type (1 devices, 4 collections) and Entry_Size.</summary>
    private const ulong TableFixedBits = (7ul << 56) | (0x1ful << 48);

    private const ulong DeviceTableReset = (1ul << 56) | ((EntryBytes - 1) << 48);
    private const ulong CollectionTableReset = (4ul << 56) | ((EntryBytes - 1) << 48);

    /// <summary>An entry of an interrupt translation table.</summary>
    private readonly record struct Translation(int IntId, uint Collection);

    /// <summary>A mapped device: where its translation table lies and how many events that has.</summary>
    private readonly record struct Device(ulong Table, uint Events);

    private static void WriteTable(ref ulong table, ulong reset, ulong offset, int size, ulong value) =>
        table = (InterruptRegisters.MergePart(table, offset & 7, size, value) & ~TableFixedBits) | reset;

    /// <summary>The address of an entry of a table that a GITS_BASERn describes; false if the table has no such entry.</summary>
    private bool TryFindEntry(ulong table, ulong index, out ulong address)
    {
        address = 0;
        if ((table & TableValid) == 0)
            return false;
        var pageBytes = ((table >> 8) & 3) switch { 0 => 4096ul, 1 => 16384ul, _ => 65536ul };
        var tableBytes = ((table & 0xff) + 1) * pageBytes;
        var start = TableStart(table, pageBytes);
        if ((table & TableIndirect) == 0)
        {
            address = start + (index * EntryBytes);
            return (index + 1) * EntryBytes <= tableBytes;
        }

        var perPage = pageBytes / EntryBytes;
        var first = index / perPage * EntryBytes;
        if (first + EntryBytes > tableBytes || !TryReadWord(start + first, out var page) || (page & TableValid) == 0)
            return false;
        address = TableStart(page, pageBytes) + (index % perPage * EntryBytes);
        return true;
    }

    /// <summary>Bits 47:12 or fewer; with 64 KiB pages bits 15:12 hold address bits 51:48.</summary>
    private static ulong TableStart(ulong table, ulong pageBytes)
    {
        const ulong Low = 0x0000_ffff_ffff_f000;
        var start = table & Low & ~(pageBytes - 1);
        return pageBytes == 65536 ? start | ((table & 0xf000) << 36) : start;
    }

    private bool TryFindDevice(uint deviceId, out Device device)
    {
        device = default;
        if (deviceId >> DeviceBits != 0 || !TryFindEntry(_deviceTable, deviceId, out var address)
            || !TryReadWord(address, out var entry) || (entry & EntryValid) == 0)
            return false;
        device = new Device(entry & TranslationAddress, 1u << Math.Min((int)(entry & 0x1f) + 1, EventBits));
        return true;
    }

    /// <summary>Reads a valid translation; <paramref name="address"/> is that of its entry.</summary>
    private bool TryReadEvent(Device device, uint eventId, out ulong address, out Translation translation)
    {
        translation = default;
        address = device.Table + (eventId * EntryBytes);
        if (eventId >= device.Events || !TryReadWord(address, out var entry) || (entry & EntryValid) == 0)
            return false;
        translation = new Translation((int)(entry >> 16) & 0xffff, (uint)entry & 0xffff);
        return translation.IntId >= GicV3.FirstLpi; // the guest may have scribbled over its table
    }

    private bool TryWriteEvent(ulong address, Translation translation) =>
        TryWriteWord(address, EntryValid | ((ulong)translation.IntId << 16) | translation.Collection);

    /// <summary>The PE that a collection is mapped to.</summary>
    private bool TryReadCollection(uint collection, out int cpu)
    {
        cpu = 0;
        if (!TryFindEntry(_collectionTable, collection, out var address) || !TryReadWord(address, out var entry)
            || (entry & EntryValid) == 0)
            return false;
        cpu = (int)(entry & 0xffff);
        return cpu < _gic.CpuCount;
    }

    private bool TryReadWord(ulong address, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        var done = _memory.TryRead(address, bytes);
        value = done ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
        return done;
    }

    private bool TryWriteWord(ulong address, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return _memory.TryWrite(address, bytes);
    }
}
