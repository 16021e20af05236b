using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    /// <summary>The predicate bits that lie within the vector; follows <see cref="VL"/>.</summary>
    private Predicate _vectorBits;

    /// <summary>Words of 64 bits that hold predicate bits of the vector.</summary>
    private int PredicateWords => (VL + 63) >> 6;

    private void SetVectorLength(int bytes)
    {
        if (VL == bytes)
            return;
        VL = bytes;
        _vectorBits = FirstBits(bytes, 0);
    }

    /// <summary>Bits of 64-bit word <paramref name="word"/> of a predicate that lie within the vector.</summary>
    private ulong VectorBits(int word) => _vectorBits.Bits[word];

    /// <summary>A copy of Pn that stays as it is when the destination is the same register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Predicate ReadPredicate(uint n) => Predicate.Of(Vector256.Load((ulong*)P(n)) & _vectorBits.All);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WritePredicate(uint n, in Predicate value) => (value.All & _vectorBits.All).Store((ulong*)P(n));

    /// <summary>A predicate with every element of a size true.</summary>
    private Predicate AllTrue(int size) => FirstBits(VL, size);

    /// <summary>A predicate whose elements of a size in the first <paramref name="bytes"/> bytes are true.</summary>
    private static Predicate FirstBits(int bytes, int size)
    {
        Predicate result;
        for (var i = 0; i < Predicate.Words; i++)
            result.Bits[i] = BitsBelow(bytes - (i * 64)) & ElementBits(size);
        return result;
    }

    /// <summary>The lowest <paramref name="count"/> bits of a word; all of them from 64 on, none from 0 down.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong BitsBelow(int count) => count >= 64 ? ulong.MaxValue : count <= 0 ? 0 : (1ul << count) - 1;

    /// <summary>PredTest: N is the first active element, Z that none is true, C that the last active one is not; V is clear.</summary>
    private void SetPredicateFlags(in Predicate mask, in Predicate result, int size)
    {
        const uint Negative = 1u << 31, Zero = 1u << 30, Carry = 1u << 29;
        var elements = ElementBits(size);
        var flags = Zero | Carry;
        var isFirst = true;
        for (var i = 0; i < PredicateWords; i++)
        {
            var active = mask.Bits[i] & elements & _vectorBits.Bits[i];
            if (active == 0)
                continue;
            var hits = result.Bits[i] & active;
            if (hits != 0)
                flags &= ~Zero;
            if (isFirst && (hits & active & (0 - active)) != 0)
                flags |= Negative;
            isFirst = false;
            flags = (hits >> BitOperations.Log2(active)) != 0 ? flags & ~Carry : flags | Carry;
        }

        Cpu->Nzcv = flags;
    }

    /// <summary>The image of a predicate register, one bit per vector byte.</summary>
    private struct Predicate
    {
        public const int Words = 4;

        public fixed ulong Bits[Words];

        /// <summary>All words at once.</summary>
        public readonly Vector256<ulong> All => Unsafe.BitCast<Predicate, Vector256<ulong>>(this);

        public static Predicate Of(Vector256<ulong> all) => Unsafe.BitCast<Vector256<ulong>, Predicate>(all);

        /// <summary>The lowest true bit, or -1.</summary>
        public readonly int First()
        {
            for (var i = 0; i < Words; i++)
            {
                if (Bits[i] != 0)
                    return (i * 64) + BitOperations.TrailingZeroCount(Bits[i]);
            }

            return -1;
        }

        /// <summary>The highest true bit, or -1.</summary>
        public readonly int Last()
        {
            for (var i = Words - 1; i >= 0; i--)
            {
                if (Bits[i] != 0)
                    return (i * 64) + BitOperations.Log2(Bits[i]);
            }

            return -1;
        }

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
