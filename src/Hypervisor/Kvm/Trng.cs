using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Fills a buffer with entropy.</summary>
internal delegate void EntropySource(Span<byte> buffer);

/// <summary>The entropy service of firmware: Arm True Random Number Generator Firmware Interface 1.0 (DEN 0098).</summary>
/// <remarks>Thread: any.</remarks>
internal sealed class Trng
{
    public const uint Version = 0x8400_0050;
    public const uint Features = 0x8400_0051;
    public const uint GetUuid = 0x8400_0052;
    public const uint Rnd32 = 0x8400_0053;
    public const uint Rnd64 = 0xc400_0053;

    private const ulong Version10 = 0x1_0000;
    private const ulong InvalidParameter = unchecked((ulong)-2);

    /// <summary>Where the bits come from: the host's generator, unless a test wants to know them.</summary>
    public EntropySource Source { get; set; } = RandomNumberGenerator.Fill;

    public static bool IsFunction(uint function) => function is Version or Features or GetUuid or Rnd32 or Rnd64;

    public FirmwareAnswer Call(FirmwareCall call) => (uint)call.Function switch
    {
        Version => new(Version10),
        Features => new(IsFunction((uint)call.Argument1) ? 0 : ulong.MaxValue),
        GetUuid => Uuid(),
        Rnd32 => Random((uint)call.Argument1, 32),
        _ => Random((uint)call.Argument1, 64),
    };

    /// <summary>An identity of this backend: 0d21e000-4384-11eb-8070-5244554e5a4c, KVM's.</summary>
    private static FirmwareAnswer Uuid()
    {
        ReadOnlySpan<byte> uuid =
            [0x0d, 0x21, 0xe0, 0x00, 0x43, 0x84, 0x11, 0xeb, 0x80, 0x70, 0x52, 0x44, 0x55, 0x4e, 0x5a, 0x4c];
        return new(
            BinaryPrimitives.ReadUInt32LittleEndian(uuid),
            Result1: BinaryPrimitives.ReadUInt32LittleEndian(uuid[4..]),
            Result2: BinaryPrimitives.ReadUInt32LittleEndian(uuid[8..]),
            Result3: BinaryPrimitives.ReadUInt32LittleEndian(uuid[12..]));
    }

    /// <summary>Up to three registers of <paramref name="width"/> bits, the least significant in X3; the bits above are zero.</summary>
    private FirmwareAnswer Random(uint bits, int width)
    {
        if (bits > 3 * width)
            return new(InvalidParameter);
        Span<byte> bytes = stackalloc byte[24];
        Source(bytes);
        var value = new BigInteger(bytes, isUnsigned: true) & ((BigInteger.One << (int)bits) - 1);
        bytes.Clear();
        var mask = (BigInteger.One << width) - 1;
        return new(0, Result1: (ulong)(value >> (2 * width) & mask), Result2: (ulong)(value >> width & mask), Result3: (ulong)(value & mask));
    }
}
