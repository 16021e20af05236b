using CloudVm.Hypervisor.Devices;

namespace CloudVm.Hypervisor.Gic;

/// <summary>GICD: the distributor's memory-mapped registers.</summary>
public sealed partial class GicV3
{
    /// <summary>Bytes of the distributor's frame.</summary>
    public const ulong DistributorBytes = 0x1_0000;

    /// <summary>GICD_IIDR and GICR_IIDR: product and revision as KVM's, implementer Arm (JEP106 0x43b).</summary>
    private const uint Iidr = 0x4b00_343b;

    /// <summary>PIDR2.ArchRev = 3.</summary>
    private const uint Pidr2 = 0x3b;

    private const uint CtlrAre = 1 << 4;
    private const uint CtlrDs = 1 << 6;
    private const ulong FirstRouter = 0x6000 + (8 * FirstSpi);
    private const ulong RouterEnd = FirstRouter + (8 * SpiCount);

    /// <summary>The distributor as a device on a bus.</summary>
    public IMmioDevice Distributor => new DistributorFrame(this);

    /// <summary>GICD_TYPER: ITLinesNumber, IDbits, LPIS; 1-of-N routing is there (No1N = 0), message-based SPIs are not.</summary>
    private ulong DistributorType
    {
        get
        {
            const ulong Lpis = 1 << 17;
            const int IdBits = 19;
            const ulong Lines = ((FirstSpi + SpiCount) / 32) - 1;
            return Lines | (_memory is null ? 9ul << IdBits : Lpis | (15ul << IdBits));
        }
    }

    private ulong ReadDistributor(ulong offset, int size)
    {
        // SPIs start at bit (or byte) 32 of each register array; the private part is banked in the redistributors and reads as zero.
        switch (offset)
        {
            case 0x0000:
                return CtlrAre | CtlrDs | (_group0Enabled ? 1u : 0) | (_group1Enabled ? 2u : 0);
            case 0x0004:
                return DistributorType;
            case 0x0008:
                return Iidr;
            case 0xffe8:
                return Pidr2;
            case >= FirstRouter and < RouterEnd:
                return InterruptRegisters.ReadPart(_router[(int)((offset - FirstRouter) >> 3)], offset & 7, size);
            case >= 0x0080 and < 0x0e00:
                return InterruptRegisters.Read(_spis, offset, FirstSpi, size);
            default:
                return 0; // STATUSR among others: nothing is reported
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
            case >= FirstRouter and < RouterEnd:
                var spi = (int)((offset - FirstRouter) >> 3);
                Route(spi, InterruptRegisters.MergePart(_router[spi], offset & 7, size, value));
                break;
            case >= 0x0080 and < 0x0e00:
                InterruptRegisters.Write(_spis, offset, FirstSpi, size, value);
                break;
            default:
                return;
        }

        UpdateAll();
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
}
