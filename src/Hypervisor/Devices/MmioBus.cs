namespace CloudVm.Hypervisor.Devices;

/// <summary>Finds the device at a guest physical address.</summary>
/// <remarks>Thread: any, once all regions are added.</remarks>
public sealed class MmioBus
{
    private readonly List<Region> _regions = [];

    /// <summary>Adds a device; regions must not overlap.</summary>
    public void Add(ulong address, ulong length, IMmioDevice device)
    {
        foreach (var other in _regions)
        {
            if (address < other.Address + other.Length && other.Address < address + length)
                throw new ArgumentException($"The region at {address:x} overlaps the one at {other.Address:x}.", nameof(address));
        }

        _regions.Add(new Region(address, length, device));
    }

    /// <summary>Reads; false when no device is there or the access is misaligned or crosses a region's end.</summary>
    public bool TryRead(ulong address, int size, out ulong value)
    {
        if (Find(address, size) is { } region)
        {
            value = region.Device.Read(address - region.Address, size);
            return true;
        }

        value = 0;
        return false;
    }

    /// <summary>Writes; false under the same conditions as <see cref="TryRead"/>.</summary>
    public bool TryWrite(ulong address, int size, ulong value)
    {
        if (Find(address, size) is not { } region)
            return false;
        region.Device.Write(address - region.Address, size, value);
        return true;
    }

    private Region? Find(ulong address, int size)
    {
        if ((address & (ulong)(size - 1)) != 0)
            return null;

        // A dozen regions: a walk is as fast as any search.
        foreach (var region in _regions)
        {
            var offset = address - region.Address;
            if (offset < region.Length && (ulong)size <= region.Length - offset)
                return region;
        }

        return null;
    }

    private sealed record Region(ulong Address, ulong Length, IMmioDevice Device);
}
