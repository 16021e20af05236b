using System.Numerics;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Predicates as 256-bit images, and PredTest.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>The bits of a predicate that stand for whole elements of a size: the lowest bit of each.</summary>
    private static ulong ElementBits(int size) => size switch
    {
        0 => ulong.MaxValue,
        1 => 0x5555_5555_5555_5555,
        2 => 0x1111_1111_1111_1111,
        _ => 0x0101_0101_0101_0101,
    };

    /// <summary>Bits of 64-bit word <paramref name="word"/> of a predicate that lie within the vector.</summary>
    private ulong VectorBits(int word)
    {
        var left = VL - (word * 64);
        return left >= 64 ? ulong.MaxValue : left <= 0 ? 0 : (1ul << left) - 1;
    }

    /// <summary>A copy of Pn that stays as it is when the destination is the same register.</summary>
    private Predicate ReadPredicate(uint n)
    {
        var source = (ulong*)P(n);
        Predicate result;
        for (var i = 0; i < Predicate.Words; i++)
            result.Bits[i] = source[i] & VectorBits(i);
        return result;
    }

    private void WritePredicate(uint n, in Predicate value)
    {
        var destination = (ulong*)P(n);
        for (var i = 0; i < Predicate.Words; i++)
            destination[i] = value.Bits[i] & VectorBits(i);
    }

    /// <summary>A predicate with every element of a size true.</summary>
    private Predicate AllTrue(int size)
    {
        Predicate result;
        for (var i = 0; i < Predicate.Words; i++)
            result.Bits[i] = ElementBits(size) & VectorBits(i);
        return result;
    }

    /// <summary>PredTest: N is the first active element, Z that none is true, C that the last active one is not; V is clear.</summary>
    private void SetPredicateFlags(in Predicate mask, in Predicate result, int size)
    {
        int first = -1, last = -1;
        var any = false;
        for (var i = 0; i < Predicate.Words; i++)
        {
            var active = mask.Bits[i] & ElementBits(size) & VectorBits(i);
            if (active == 0)
                continue;
            any |= (result.Bits[i] & active) != 0;
            if (first < 0)
                first = (i * 64) + BitOperations.TrailingZeroCount(active);
            last = (i * 64) + BitOperations.Log2(active);
        }

        var n = first >= 0 && result[first];
        var notLast = last < 0 || !result[last];
        Cpu->Nzcv = (n ? 1u << 31 : 0) | (any ? 0 : 1u << 30) | (notLast ? 1u << 29 : 0);
    }

    /// <summary>The image of a predicate register, one bit per vector byte.</summary>
    private struct Predicate
    {
        public const int Words = 4;

        public fixed ulong Bits[Words];

        public readonly bool this[int bit] => ((Bits[bit >> 6] >> (bit & 63)) & 1) != 0;

        public void Set(int bit) => Bits[bit >> 6] |= 1ul << (bit & 63);

        public readonly int Count()
        {
            var count = 0;
            for (var i = 0; i < Words; i++)
                count += BitOperations.PopCount(Bits[i]);
            return count;
        }
    }
}
