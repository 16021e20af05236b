using System.Buffers.Binary;
using System.Numerics;

namespace CloudVm.Worker.Snapshots;

/// <summary>CRC-32C (Castagnoli, RFC 3720 appendix B.4) of a whole buffer.</summary>
internal static class Crc32C
{
    public static uint Of(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        while (data.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
            data = data[sizeof(ulong)..];
        }

        foreach (byte value in data)
            crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }
}
