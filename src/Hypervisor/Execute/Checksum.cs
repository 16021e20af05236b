namespace CloudVm.Hypervisor.Execute;

/// <summary>CRC-32 with the polynomial 0x04C11DB7, bits reflected, as the CRC32 instructions compute it: no pre- or post-inversion.</summary>
internal static class Checksum
{
    private const uint ReflectedPolynomial = 0xedb8_8320;
    private static readonly uint[] Table = Tabulate();

    /// <summary>Adds the low <paramref name="bytes"/> bytes of <paramref name="data"/>, lowest first.</summary>
    public static uint Crc32(uint crc, ulong data, int bytes)
    {
        for (; bytes > 0; bytes--, data >>= 8)
            crc = Table[(byte)(crc ^ data)] ^ (crc >> 8);
        return crc;
    }

    private static uint[] Tabulate()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            var value = i;
            for (var bit = 0; bit < 8; bit++)
                value = (value & 1) != 0 ? value >> 1 ^ ReflectedPolynomial : value >> 1;
            table[i] = value;
        }

        return table;
    }
}
