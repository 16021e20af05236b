namespace CloudVm.Hypervisor.Devices;

/// <summary>A device's registers as guest memory accesses reach them.</summary>
/// <remarks>
/// Thread: a vCPU's; the device takes its own lock. Offsets lie within the region and accesses do not cross its end, are naturally
/// aligned, and have a size of 1, 2, 4 or 8 bytes. Everything else about them is the guest's choice and must be expected.
/// </remarks>
public interface IMmioDevice
{
    /// <summary>Reads <paramref name="size"/> bytes, zero-extended.</summary>
    ulong Read(ulong offset, int size);

    /// <summary>Writes the low <paramref name="size"/> bytes of <paramref name="value"/>.</summary>
    void Write(ulong offset, int size, ulong value);
}
