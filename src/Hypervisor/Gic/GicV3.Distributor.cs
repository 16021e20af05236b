using CloudVm.Hypervisor.Devices;

namespace CloudVm.Hypervisor.Gic;

/// <summary>The memory-mapped registers: GICD and GICR.</summary>
public sealed partial class GicV3
{
    /// <summary>Bytes of the distributor's frame.</summary>
    public const ulong DistributorBytes = 0x1_0000;

    /// <summary>Bytes of one PE's redistributor: the RD frame, then the SGI frame.</summary>
    public const ulong RedistributorBytes = 0x2_0000;

    /// <summary>PIDR2.ArchRev = 3.</summary>
    private const uint Pidr2 = 0x30;

    private const uint CtlrAre = 1 << 4;
    private const uint CtlrDs = 1 << 6;

    /// <summary>The distributor as a device on a bus.</summary>
    public IMmioDevice Distributor => new DistributorFrame(this);

    /// <summary>All redistributors, one after the other, as a device on a bus.</summary>
    public IMmioDevice Redistributors => new RedistributorFrames(this);

    private ulong ReadDistributor(ulong offset, int size)
    {
        // SPIs start at bit (or byte) 32 of each register array; the private part is banked in the redistributors and reads as zero.
        switch (offset)
        {
            case 0x0000:
                return CtlrAre | CtlrDs | (_group0Enabled ? 1u : 0) | (_group1Enabled ? 2u : 0);
            case 0x0004:
                return (1u << 25) | (9u << 19) | (((FirstSpi + SpiCount) / 32) - 1); // No1N, 10 INTID bits
            case 0xffe8:
                return Pidr2;
            case >= 0x6100 and < 0x6000 + (8 * (FirstSpi + SpiCount)):
                return ReadPart(_router[(int)((offset - 0x6100) >> 3)], offset & 7, size);
            case >= 0x0080 and < 0x0e00:
                return ReadBank(_spis, offset, FirstSpi, size);
            default:
                return 0;
        }
    }

    private void WriteDistributor(ulong offset, int size, ulong value)
    {
        switch (offset)
        {
            case 0x0000:
                _group0Enabled = (value & 1) != 0;
                _group1Enabled = (value & 2) != 0;
                break;
            case >= 0x6100 and < 0x6000 + (8 * (FirstSpi + SpiCount)):
                var spi = (int)((offset - 0x6100) >> 3);
                _router[spi] = MergePart(_router[spi], offset & 7, size, value) & 0xff_00ff_ffff;
                _target[spi] = CpuOfAffinity(_router[spi]);
                break;
            case >= 0x0080 and < 0x0e00:
                WriteBank(_spis, offset, FirstSpi, size, value);
                break;
            default:
                return;
        }

        UpdateAll();
    }

    private ulong ReadRedistributor(ulong offset, int size)
    {
        var pe = _cpus[(int)(offset / RedistributorBytes)];
        offset %= RedistributorBytes;
        switch (offset)
        {
            case 0x0008 or 0x000c:
                var last = pe.Index == _cpus.Length - 1 ? 1ul << 4 : 0;
                return ReadPart(((ulong)Affinity(pe.Index) << 32) | ((ulong)pe.Index << 8) | last, offset & 7, size);
            case 0x0014:
                return pe.ProcessorSleep ? 6u : 0; // ChildrenAsleep follows ProcessorSleep at once
            case 0xffe8:
                return Pidr2;
            case >= 0x1_0080 and < 0x1_0e00:
                return ReadBank(pe.Private, offset - 0x1_0000, 0, size);
            default:
                return 0;
        }
    }

    private void WriteRedistributor(ulong offset, int size, ulong value)
    {
        var pe = _cpus[(int)(offset / RedistributorBytes)];
        offset %= RedistributorBytes;
        switch (offset)
        {
            case 0x0014:
                pe.ProcessorSleep = (value & 2) != 0;
                break;
            case >= 0x1_0080 and < 0x1_0e00:
                WriteBank(pe.Private, offset - 0x1_0000, 0, size, value);
                Update(pe.Index);
                break;
        }
    }

    /// <param name="first">INTID of the bank's first interrupt: register arrays index by INTID.</param>
    private static ulong ReadBank(InterruptBank bank, ulong offset, int first, int size)
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

    private static void WriteBank(InterruptBank bank, ulong offset, int first, int size, ulong value)
    {
        if (offset is >= 0x400 and < 0x800)
        {
            for (var i = 0; i < size; i++)
            {
                var index = (int)(offset - 0x400) + i - first;
                if (index >= 0 && index < bank.Count)
                    bank.Priority[index] = (byte)((byte)(value >> (8 * i)) & PriorityMask);
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
            if (index < 0 || index >= bank.Count || intId + i < 16) // SGIs stay edge-triggered
                continue;
            var bit = 1u << (index & 31);
            ref var edge = ref bank.Edge[index >> 5];
            edge = (value & (2u << (2 * i))) != 0 ? edge | bit : edge & ~bit;
        }
    }

    private static ulong ReadPart(ulong register, ulong offset, int size) =>
        (register >> (8 * (int)offset)) & (size == 8 ? ulong.MaxValue : (1ul << (8 * size)) - 1);

    private static ulong MergePart(ulong register, ulong offset, int size, ulong value)
    {
        var mask = (size == 8 ? ulong.MaxValue : (1ul << (8 * size)) - 1) << (8 * (int)offset);
        return (register & ~mask) | ((value << (8 * (int)offset)) & mask);
    }

    private sealed class DistributorFrame(GicV3 gic) : IMmioDevice
    {
        public ulong Read(ulong offset, int size)
        {
            lock (gic._gate)
                return gic.ReadDistributor(offset, size);
        }

        public void Write(ulong offset, int size, ulong value)
        {
            lock (gic._gate)
                gic.WriteDistributor(offset, size, value);
        }
    }

    private sealed class RedistributorFrames(GicV3 gic) : IMmioDevice
    {
        public ulong Read(ulong offset, int size)
        {
            lock (gic._gate)
                return gic.ReadRedistributor(offset, size);
        }

        public void Write(ulong offset, int size, ulong value)
        {
            lock (gic._gate)
                gic.WriteRedistributor(offset, size, value);
        }
    }
}
