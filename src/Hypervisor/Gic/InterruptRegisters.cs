namespace CloudVm.Hypervisor.Gic;

/// <summary>
/// The register arrays that distributor and SGI frame have in common: IGROUPR, I[SC]ENABLER, I[SC]PENDR, I[SC]ACTIVER, IPRIORITYR, ICFGR.
/// IGRPMODR and NSACR read as zero, as with one Security state.
/// </summary>
internal static class InterruptRegisters
{
    /// <summary>Reads an array register.</summary>
    /// <param name="offset">Offset within the distributor's (or the SGI frame's) layout, from 0x80 to 0xdff.</param>
    /// <param name="first">INTID of the bank's first interrupt: register arrays index by INTID.</param>
    public static ulong Read(InterruptBank bank, ulong offset, int first, int size)
    {
        if (offset is >= 0x400 and < 0x800)
        {
            ulong bytes = 0;
            for (var i = 0; i < size; i++)
            {
                var index = (int)(offset - 0x400) + i - first;
                if (index >= 0 && index < bank.Count)
                    bytes |= (ulong)bank.Priority[index] << (8 * i);
            }

            return bytes;
        }

        if (offset is >= 0xc00 and < 0xd00)
            return ReadConfiguration(bank, ((int)(offset & ~3ul) - 0xc00) * 4, first);
        var word = (((int)offset & 0x7f) >> 2) - (first / 32);
        if (word < 0 || word >= bank.Enabled.Length)
            return 0;
        return (offset & ~0x7ful) switch
        {
            0x080 => bank.Group[word],
            0x100 or 0x180 => bank.Enabled[word],
            0x200 or 0x280 => bank.Pending(word),
            0x300 or 0x380 => bank.Active[word],
            _ => 0u,
        };
    }

    /// <summary>Writes an array register; other sizes than the register's are ignored.</summary>
    public static void Write(InterruptBank bank, ulong offset, int first, int size, ulong value)
    {
        if (offset is >= 0x400 and < 0x800)
        {
            for (var i = 0; i < size; i++)
            {
                var index = (int)(offset - 0x400) + i - first;
                if (index >= 0 && index < bank.Count)
                    bank.Priority[index] = (byte)((byte)(value >> (8 * i)) & GicV3.PriorityMask);
            }

            return;
        }

        if (size != 4)
            return;
        if (offset is >= 0xc00 and < 0xd00)
        {
            WriteConfiguration(bank, ((int)(offset & ~3ul) - 0xc00) * 4, first, (uint)value);
            return;
        }

        var word = (((int)offset & 0x7f) >> 2) - (first / 32);
        if (word < 0 || word >= bank.Enabled.Length)
            return;
        var bits = (uint)value;
        switch (offset & ~0x7ful)
        {
            case 0x080:
                bank.Group[word] = bits;
                break;
            case 0x100:
                bank.Enabled[word] |= bits;
                break;
            case 0x180:
                bank.Enabled[word] &= ~bits;
                break;
            case 0x200:
                bank.Latched[word] |= bits;
                break;
            case 0x280:
                bank.Latched[word] &= ~bits;
                break;
            case 0x300:
                bank.Active[word] |= bits;
                break;
            case 0x380:
                bank.Active[word] &= ~bits;
                break;
        }
    }

    /// <summary>ICFGR: two bits per interrupt, the upper one says edge.</summary>
    private static uint ReadConfiguration(InterruptBank bank, int intId, int first)
    {
        uint value = 0;
        for (var i = 0; i < 16; i++)
        {
            var index = intId + i - first;
            if (index >= 0 && index < bank.Count && (bank.Edge[index >> 5] & (1u << (index & 31))) != 0)
                value |= 2u << (2 * i);
        }

        return value;
    }

    private static void WriteConfiguration(InterruptBank bank, int intId, int first, uint value)
    {
        for (var i = 0; i < 16; i++)
        {
            var index = intId + i - first;
            if (index < 0 || index >= bank.Count || intId + i < GicV3.FirstSpi) // SGIs are edge-triggered; PPIs stay level-sensitive, as KVM has them
                continue;
            var bit = 1u << (index & 31);
            ref var edge = ref bank.Edge[index >> 5];
            edge = (value & (2u << (2 * i))) != 0 ? edge | bit : edge & ~bit;
        }
    }

    public static ulong ReadPart(ulong register, ulong offset, int size) =>
        (register >> (8 * (int)offset)) & (size == 8 ? ulong.MaxValue : (1ul << (8 * size)) - 1);

    public static ulong MergePart(ulong register, ulong offset, int size, ulong value)
    {
        var mask = (size == 8 ? ulong.MaxValue : (1ul << (8 * size)) - 1) << (8 * (int)offset);
        return (register & ~mask) | ((value << (8 * (int)offset)) & mask);
    }
}
