using System.Globalization;
using System.Numerics;

namespace CloudVm.Hypervisor.Host;

/// <summary>
/// A set of SVE vector lengths. Bit (VQ - 1) stands for VQ quadwords, that is 128 * VQ bits; VQ runs from 1 to 16. The empty set means
/// no SVE.
/// </summary>
public readonly record struct VqSet(uint Bits)
{
    /// <summary>Largest VQ that the architecture defines (2048 bits).</summary>
    public const int MaxVq = 16;

    /// <summary>The set without a member: no SVE.</summary>
    public static VqSet Empty => default;

    /// <summary>Whether the set has no member.</summary>
    public bool IsEmpty => Bits == 0;

    /// <summary>Largest member, 0 for the empty set.</summary>
    public int Max => Bits == 0 ? 0 : BitOperations.Log2(Bits) + 1;

    /// <summary>Smallest member, 0 for the empty set.</summary>
    public int Min => Bits == 0 ? 0 : BitOperations.TrailingZeroCount(Bits) + 1;

    /// <summary>The set of the given VQs, each 1 to 16.</summary>
    public static VqSet Of(params ReadOnlySpan<int> vqs)
    {
        uint bits = 0;
        foreach (var vq in vqs)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(vq, 1);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(vq, MaxVq);
            bits |= 1u << (vq - 1);
        }

        return new VqSet(bits);
    }

    /// <summary>Reads lengths in bits; every entry that is not a multiple of 128 from 128 to 2048 is reported.</summary>
    public static VqSet FromBits(IEnumerable<int> lengthsBits, ICollection<string> errors)
    {
        uint bits = 0;
        foreach (var length in lengthsBits)
        {
            if (length is < 128 or > 2048 || length % 128 != 0)
                errors.Add(string.Create(CultureInfo.InvariantCulture, $"{length} is no SVE vector length: lengths are multiples of 128 bits from 128 to 2048."));
            else
                bits |= 1u << ((length / 128) - 1);
        }

        return new VqSet(bits);
    }

    /// <summary>Whether <paramref name="vq"/> is a member.</summary>
    public bool Contains(int vq) => vq is >= 1 and <= MaxVq && (Bits & (1u << (vq - 1))) != 0;

    /// <summary>The members not above <paramref name="maxVq"/>.</summary>
    public VqSet CutAt(int maxVq) => new(maxVq >= MaxVq ? Bits : Bits & ((1u << Math.Max(maxVq, 0)) - 1));

    /// <summary>Largest member not above <paramref name="vq"/>, 0 if there is none.</summary>
    public int LargestAtMost(int vq) => CutAt(vq).Max;

    /// <summary>Members in ascending order, in bits.</summary>
    public int[] ToLengthsBits()
    {
        var lengths = new List<int>();
        for (var vq = 1; vq <= MaxVq; vq++)
        {
            if (Contains(vq))
                lengths.Add(vq * 128);
        }

        return [.. lengths];
    }

    public static VqSet operator &(VqSet a, VqSet b) => new(a.Bits & b.Bits);

    public static VqSet operator |(VqSet a, VqSet b) => new(a.Bits | b.Bits);

    /// <summary>Members of <paramref name="a"/> that are not in <paramref name="b"/>.</summary>
    public static VqSet operator -(VqSet a, VqSet b) => new(a.Bits & ~b.Bits);

    /// <summary>The lengths in bits, such as <c>128 256 512</c>, or <c>none</c>.</summary>
    public override string ToString() => IsEmpty ? "none" : string.Join(' ', ToLengthsBits());
}
