using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

// Loops between elements and elements of twice the width. T is the wide type. D aliases N or M only when narrow elements are
// interleaved, since a wide element then takes the place of the narrow ones that it depends on.

/// <summary>Reads elements of half T's width, extended by T's signedness.</summary>
internal static unsafe class Narrow
{
    public static T Read<T>(byte* at, int index) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (Int.IsSigned<T>())
        {
            return sizeof(T) switch
            {
                2 => T.CreateTruncating(((sbyte*)at)[index]),
                4 => T.CreateTruncating(((short*)at)[index]),
                _ => T.CreateTruncating(((int*)at)[index]),
            };
        }

        return sizeof(T) switch
        {
            2 => T.CreateTruncating(at[index]),
            4 => T.CreateTruncating(((ushort*)at)[index]),
            _ => T.CreateTruncating(((uint*)at)[index]),
        };
    }

    /// <summary>Writes the low half of an element.</summary>
    public static void Write<T>(byte* at, int index, T value) where T : unmanaged, IBinaryInteger<T>
    {
        if (sizeof(T) == 2)
            at[index] = byte.CreateTruncating(value);
        else if (sizeof(T) == 4)
            ((ushort*)at)[index] = ushort.CreateTruncating(value);
        else
            ((uint*)at)[index] = uint.CreateTruncating(value);
    }
}

/// <summary>D = op(extended N, extended M): SADDL.</summary>
internal readonly unsafe struct LongLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
            ((T*)lanes.D)[i] = TOp.Apply(Narrow.Read<T>(lanes.N, lanes.NarrowIndex(i)), Narrow.Read<T>(lanes.M, lanes.NarrowIndex(i)), ref lanes.Saturated);
    }
}

/// <summary>D = op(N, extended M): SADDW.</summary>
internal readonly unsafe struct WideLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
            ((T*)lanes.D)[i] = TOp.Apply(((T*)lanes.N)[i], Narrow.Read<T>(lanes.M, lanes.NarrowIndex(i)), ref lanes.Saturated);
    }
}

/// <summary>D = op(D, extended N, extended M): SMLAL. With <see cref="Lanes.Shift"/> not negative, M's element of that index.</summary>
internal readonly unsafe struct LongTernaryLoop<TOp> : IIntLoop where TOp : struct, IIntTernary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
        {
            var m = Narrow.Read<T>(lanes.M, lanes.Shift >= 0 ? lanes.Shift : lanes.NarrowIndex(i));
            ((T*)lanes.D)[i] = TOp.Apply(((T*)lanes.D)[i], Narrow.Read<T>(lanes.N, lanes.NarrowIndex(i)), m, ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(extended N, M's extended element of index <see cref="Lanes.Shift"/>): SMULL by element.</summary>
internal readonly unsafe struct LongIndexedLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var m = Narrow.Read<T>(lanes.M, lanes.Shift);
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
            ((T*)lanes.D)[i] = TOp.Apply(Narrow.Read<T>(lanes.N, lanes.NarrowIndex(i)), m, ref lanes.Saturated);
    }
}

/// <summary>Narrow D = high half of op(N, M): ADDHN; with <see cref="Lanes.Shift"/> 1, rounded.</summary>
internal readonly unsafe struct HighNarrowLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var half = sizeof(T) * 4;
        var rounding = lanes.Shift == 1 ? T.One << (half - 1) : T.Zero;
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
        {
            var sum = TOp.Apply(((T*)lanes.N)[i], ((T*)lanes.M)[i], ref lanes.Saturated) + rounding;
            Narrow.Write(lanes.D, lanes.NarrowIndex(i), sum >>> half);
        }
    }
}

/// <summary>Narrow D = op(N, shift): XTN, SHRN, SQXTN and their like.</summary>
internal readonly unsafe struct NarrowLoop<TOp> : IIntLoop where TOp : struct, INarrow
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
            Narrow.Write(lanes.D, lanes.NarrowIndex(i), TOp.Apply(((T*)lanes.N)[i], lanes.Shift, ref lanes.Saturated));
    }
}

/// <summary>Zeroes the upper half of every element of D.</summary>
internal readonly unsafe struct ClearTopLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var bottom = T.AllBitsSet >>> (sizeof(T) * 4);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) &= bottom;
    }
}

/// <summary>D = extended N shifted left: SSHLL.</summary>
internal readonly unsafe struct ShiftLongLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
            ((T*)lanes.D)[i] = Narrow.Read<T>(lanes.N, lanes.NarrowIndex(i)) << lanes.Shift;
    }
}

/// <summary>D = sums of adjacent narrow elements of N, added to D when <see cref="Lanes.Shift"/> is 1: SADDLP, SADALP.</summary>
internal readonly unsafe struct AddLongPairsLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i++)
        {
            if (!lanes.IsActive(i * sizeof(T)))
                continue;
            var sum = Narrow.Read<T>(lanes.N, 2 * i) + Narrow.Read<T>(lanes.N, (2 * i) + 1);
            ((T*)lanes.D)[i] = lanes.Shift == 1 ? ((T*)lanes.D)[i] + sum : sum;
        }
    }
}

/// <summary>D = op of adjacent elements of N, then of M: ADDP.</summary>
internal readonly unsafe struct PairwiseLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var half = lanes.Bytes / sizeof(T) / 2;
        for (var i = 0; i < half; i++)
        {
            ((T*)lanes.D)[i] = TOp.Apply(((T*)lanes.N)[2 * i], ((T*)lanes.N)[(2 * i) + 1], ref lanes.Saturated);
            ((T*)lanes.D)[half + i] = TOp.Apply(((T*)lanes.M)[2 * i], ((T*)lanes.M)[(2 * i) + 1], ref lanes.Saturated);
        }
    }
}

/// <summary>Even elements of D = op of a pair of N, odd ones of a pair of M: SVE2's ADDP. D may be a source.</summary>
internal readonly unsafe struct AlternatePairwiseLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += 2 * sizeof(T))
        {
            var n = TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.N + i + sizeof(T)), ref lanes.Saturated);
            var m = TOp.Apply(*(T*)(lanes.M + i), *(T*)(lanes.M + i + sizeof(T)), ref lanes.Saturated);
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = n;
            if (lanes.IsActive(i + sizeof(T)))
                *(T*)(lanes.D + i + sizeof(T)) = m;
        }
    }
}

/// <summary>A narrowing of one element; the result's low half is what counts.</summary>
internal interface INarrow
{
    static virtual bool Signed => false;

    static abstract T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>value clamped to the signed or unsigned range of half T's width.</summary>
    protected static T Clamp<T>(Int128 value, bool unsigned, ref bool saturated) where T : unmanaged, IBinaryInteger<T>
    {
        var bits = Int.Bits<T>() / 2;
        var maximum = (Int128.One << (unsigned ? bits : bits - 1)) - 1;
        var minimum = unsigned ? Int128.Zero : -maximum - 1;
        if (value >= minimum && value <= maximum)
            return T.CreateTruncating(value);
        saturated = true;
        return T.CreateTruncating(value < minimum ? minimum : maximum);
    }

    /// <summary>value × 2^-shift, rounded to nearest or down.</summary>
    protected static Int128 Shift<T>(T value, int shift, bool round) where T : unmanaged, IBinaryInteger<T> =>
        (Int.Wide(value) + (round ? Int128.One << (shift - 1) : 0)) >> shift;
}
