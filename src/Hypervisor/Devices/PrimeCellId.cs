namespace CloudVm.Hypervisor.Devices;

/// <summary>The identification registers that every Arm PrimeCell has at the end of its page.</summary>
internal static class PrimeCellId
{
    private const uint CellId = 0xb105f00d;

    /// <summary>Reads PeriphID0..3 (0xfe0) or PCellID0..3 (0xff0), one byte each; false below them.</summary>
    /// <param name="peripheralId">Part number, designer and revision, PeriphID0 in the low byte.</param>
    public static bool TryRead(ulong offset, uint peripheralId, out ulong value)
    {
        if (offset < 0xfe0)
        {
            value = 0;
            return false;
        }

        var register = offset >= 0xff0 ? CellId : peripheralId;
        value = (register >> (int)(8 * ((offset >> 2) & 3))) & 0xff;
        return true;
    }
}
