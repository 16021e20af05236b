using CloudVm.Hypervisor.Devices;

namespace CloudVm.Hypervisor.Gic;

/// <summary>GICR: the redistributors' memory-mapped registers.</summary>
public sealed partial class GicV3
{
    /// <summary>Bytes of one PE's redistributor: the RD frame, then the SGI frame.</summary>
    public const ulong RedistributorBytes = 0x2_0000;

    private const ulong SgiFrame = 0x1_0000;

    /// <summary>GICR_CTLR.CES and IR: LPIs can be switched off again, and the invalidation registers exist.</summary>
    private const uint RedistributorCtlrFixed = 0b110;

    /// <summary>GICR_PROPBASER: table address, IDbits and the memory attributes, which read back as written and mean nothing here.</summary>
    private const ulong PropertyBaseBits = 0x070f_ffff_ffff_ff9f;

    /// <summary>GICR_PENDBASER without PTZ, which reads as zero.</summary>
    private const ulong PendingBaseBits = 0x070f_ffff_ffff_0f80;

    private const ulong PendingTableZero = 1ul << 62;

    /// <summary>All redistributors, one after the other, as a device on a bus.</summary>
    public IMmioDevice Redistributors => new RedistributorFrames(this);

    private ulong ReadRedistributor(ulong offset, int size)
    {
        var pe = _cpus[(int)(offset / RedistributorBytes)];
        offset %= RedistributorBytes;
        switch (offset)
        {
            case 0x0000 when _memory is not null:
                return RedistributorCtlrFixed | (pe.LpisEnabled ? 1u : 0);
            case 0x0004:
                return Iidr;
            case 0x0008 or 0x000c:
                return InterruptRegisters.ReadPart(RedistributorType(pe), offset & 7, size);
            case 0x0014:
                return pe.ProcessorSleep ? 6u : 0; // ChildrenAsleep follows ProcessorSleep at once
            case 0x0070 or 0x0074:
                return InterruptRegisters.ReadPart(pe.PropertyBase, offset & 7, size);
            case 0x0078 or 0x007c:
                return InterruptRegisters.ReadPart(pe.PendingBase, offset & 7, size);
            case 0xffe8:
                return Pidr2;
            case >= SgiFrame + 0x80 and < SgiFrame + 0xe00:
                return InterruptRegisters.Read(pe.Private, offset - SgiFrame, 0, size);
            default:
                return 0;
        }
    }

    /// <summary>GICR_TYPER: PLPIS, Last, Processor_Number, Affinity_Value; all redistributors share one LPI configuration table.</summary>
    private ulong RedistributorType(PerCpu pe)
    {
        const ulong Last = 1 << 4;
        return ((ulong)Affinity(pe.Index) << 32) | ((ulong)pe.Index << 8)
            | (pe.Index == _cpus.Length - 1 ? Last : 0) | (_memory is null ? 0ul : 1);
    }

    private void WriteRedistributor(ulong offset, int size, ulong value)
    {
        var pe = _cpus[(int)(offset / RedistributorBytes)];
        offset %= RedistributorBytes;
        switch (offset)
        {
            case 0x0000:
                EnableLpis(pe, (value & 1) != 0);
                break;
            case 0x0014:
                pe.ProcessorSleep = (value & 2) != 0;
                break;
            case 0x0070 or 0x0074 when _memory is not null && !pe.LpisEnabled:
                pe.PropertyBase = InterruptRegisters.MergePart(pe.PropertyBase, offset & 7, size, value) & PropertyBaseBits;
                return;
            case 0x0078 or 0x007c when _memory is not null && !pe.LpisEnabled:
                // PTZ is kept while LPIs are off: it only says how the table is to be read when they come on.
                pe.PendingTableIsZero = (InterruptRegisters.MergePart(0, offset & 7, size, value) & PendingTableZero) != 0;
                pe.PendingBase = InterruptRegisters.MergePart(pe.PendingBase, offset & 7, size, value) & PendingBaseBits;
                return;
            case 0x00a0 or 0x00b0: // INVLPIR, INVALLR: configuration is read from the table whenever it is needed
                break;
            case >= SgiFrame + 0x80 and < SgiFrame + 0xe00:
                InterruptRegisters.Write(pe.Private, offset - SgiFrame, 0, size, value);
                break;
            default:
                return;
        }

        Update(pe.Index);
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
