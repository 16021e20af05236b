using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace CloudVm.Contracts.Vms;

/// <summary>How the lanes of a vector register are written.</summary>
public enum LaneView
{
    Hex,
    Signed,
    Unsigned,
    Float,
}

/// <summary>Answer of <c>GET /vms/{id}/vcpus/{n}/vectors</c>: the vector registers lane by lane, at the vector length in effect. Lane 0 comes first.</summary>
public sealed record VcpuVectors
{
    public required int Index { get; init; }

    /// <summary>The vCPU's longest vector length; 128 without SVE, where Z holds the V registers.</summary>
    public required int VectorLengthBits { get; init; }

    /// <summary>The vector length the guest has selected now, which the lanes fill; 0 without SVE, where they fill 128 bits.</summary>
    public required int EffectiveVectorLengthBits { get; init; }

    public required int ElementBits { get; init; }

    public required LaneView Format { get; init; }

    /// <summary>The lanes of Z0 to Z31.</summary>
    public required IReadOnlyList<IReadOnlyList<string>> Z { get; init; }

    /// <summary>The elements of P0 to P15 as <c>1</c> and <c>.</c>, in groups of eight; empty without SVE.</summary>
    public required IReadOnlyList<string> P { get; init; }

    /// <summary>The first-fault register, as <see cref="P"/>.</summary>
    public string? Ffr { get; init; }
}

/// <summary>Writes vector and predicate registers lane by lane. Lane 0 comes first.</summary>
public static class VectorFormat
{
    /// <summary>Lane widths in bits.</summary>
    public static IReadOnlyList<int> Widths { get; } = [8, 16, 32, 64, 128];

    /// <summary>Whether lanes of this width have floating-point numbers in SVE.</summary>
    public static bool HasFloat(int widthBits) => widthBits is 16 or 32 or 64;

    /// <summary>The lanes of a Z register.</summary>
    /// <param name="hex">Its bytes as hex, lowest first.</param>
    /// <param name="vectorBits">How much of it counts: the effective vector length.</param>
    /// <param name="widthBits">Lane width.</param>
    /// <param name="view">How lanes are written.</param>
    public static IReadOnlyList<string> Lanes(string hex, int vectorBits, int widthBits, LaneView view)
    {
        var bytes = Bytes(hex).AsSpan();
        bytes = bytes[..Math.Min(bytes.Length, vectorBits / 8)];
        var step = widthBits / 8;
        var lanes = new List<string>(bytes.Length / step);
        for (var at = 0; at + step <= bytes.Length; at += step)
            lanes.Add(Lane(bytes.Slice(at, step), HasFloat(widthBits) || view != LaneView.Float ? view : LaneView.Hex));
        return lanes;
    }

    /// <summary>
    /// A predicate's elements as <c>1</c> and <c>.</c>: an element of n bytes is active if the lowest of its n bits is set.
    /// </summary>
    /// <param name="hex">The predicate's bytes as hex, lowest first; one bit for each byte of a vector.</param>
    /// <param name="vectorBits">The effective vector length.</param>
    /// <param name="widthBits">Element width.</param>
    public static string Predicate(string hex, int vectorBits, int widthBits)
    {
        var bytes = Bytes(hex);
        var text = new StringBuilder();
        for (int bit = 0, n = 0; bit < vectorBits / 8; bit += widthBits / 8, n++)
        {
            if (bit / 8 >= bytes.Length)
                break;
            if (n > 0 && n % 8 == 0)
                text.Append(' ');
            text.Append((bytes[bit / 8] >> (bit % 8) & 1) != 0 ? '1' : '.');
        }

        return text.ToString();
    }

    private static byte[] Bytes(string hex) =>
        Convert.FromHexString(hex.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? hex.AsSpan(2) : hex);

    private static string Lane(ReadOnlySpan<byte> lane, LaneView view)
    {
        Span<byte> wide = stackalloc byte[16];
        wide.Clear();
        lane.CopyTo(wide);
        var value = BinaryPrimitives.ReadUInt128LittleEndian(wide);
        var bits = lane.Length * 8;
        return view switch
        {
            LaneView.Unsigned => value.ToString(CultureInfo.InvariantCulture),
            LaneView.Signed => ((Int128)(value << (128 - bits)) >> (128 - bits)).ToString(CultureInfo.InvariantCulture),
            LaneView.Float => Float((ulong)value, bits),
            _ => value.ToString("x" + lane.Length * 2, CultureInfo.InvariantCulture),
        };
    }

    private static string Float(ulong value, int bits) => bits switch
    {
        16 => BitConverter.UInt16BitsToHalf((ushort)value).ToString("G5", CultureInfo.InvariantCulture),
        32 => BitConverter.UInt32BitsToSingle((uint)value).ToString("G9", CultureInfo.InvariantCulture),
        _ => BitConverter.UInt64BitsToDouble(value).ToString("G17", CultureInfo.InvariantCulture),
    };
}
