using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>D = op(N).</summary>
internal readonly unsafe struct UnaryLoop<TOp> : IIntLoop where TOp : struct, IIntUnary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(N, M).</summary>
internal readonly unsafe struct BinaryLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (lanes.Pg == null)
        {
            for (var i = 0; i < lanes.Bytes; i += sizeof(T))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.M + i), ref lanes.Saturated);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.M + i), ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(N, immediate).</summary>
internal readonly unsafe struct ImmediateLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var immediate = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), immediate, ref lanes.Saturated);
        }
    }
}

/// <summary>D = N plus the immediate, a signed number that may be wider than an element, saturated.</summary>
internal readonly unsafe struct SaturatingOffsetLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) = Int.Saturate<T>(Int.Wide(*(T*)(lanes.N + i)) + (long)lanes.Immediate, ref lanes.Saturated);
    }
}

/// <summary>D = op(A, N, M).</summary>
internal readonly unsafe struct TernaryLoop<TOp> : IIntLoop where TOp : struct, IIntTernary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.A + i), *(T*)(lanes.N + i), *(T*)(lanes.M + i), ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(N, M[index]), the index counting within each 128-bit segment.</summary>
internal readonly unsafe struct IndexedLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            var element = ((T*)(lanes.M + segment))[lanes.Shift];
            for (var i = segment; i < Math.Min(segment + 16, lanes.Bytes); i += sizeof(T))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), element, ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(A, N, M[index]).</summary>
internal readonly unsafe struct IndexedTernaryLoop<TOp> : IIntLoop where TOp : struct, IIntTernary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            var element = ((T*)(lanes.M + segment))[lanes.Shift];
            for (var i = segment; i < Math.Min(segment + 16, lanes.Bytes); i += sizeof(T))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.A + i), *(T*)(lanes.N + i), element, ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(D, N, shift).</summary>
internal readonly unsafe struct ShiftLoop<TOp> : IIntLoop where TOp : struct, IIntShift
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.D + i), *(T*)(lanes.N + i), lanes.Shift, ref lanes.Saturated);
        }
    }
}

/// <summary>D = op(N, M) where M's elements are 64 bits wide and an amount of any size; meant for shifts.</summary>
internal readonly unsafe struct WideShiftLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (!lanes.IsActive(i))
                continue;
            var amount = T.CreateTruncating(Math.Min(*(ulong*)(lanes.M + (i & ~7)), 64));
            *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), amount, ref lanes.Saturated);
        }
    }
}

/// <summary>D = all ones where op(N, M) holds, else zero: AdvSIMD comparisons.</summary>
internal readonly unsafe struct CompareMaskLoop<TOp> : IIntLoop where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            var b = lanes.M == null ? T.Zero : *(T*)(lanes.M + i);
            *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), b) ? T.AllBitsSet : T.Zero;
        }
    }
}

/// <summary>Predicate D = op(N, M); elements that are not active are false.</summary>
internal readonly unsafe struct ComparePredicateLoop<TOp> : IIntLoop where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i) && TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.M + i)))
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }
}

/// <summary>Predicate D = op(N, immediate).</summary>
internal readonly unsafe struct CompareImmediateLoop<TOp> : IIntLoop where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var immediate = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i) && TOp.Apply(*(T*)(lanes.N + i), immediate))
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }
}

/// <summary>Predicate D = op(N, M) where M's elements are 64 bits wide and N's are extended to that.</summary>
internal readonly unsafe struct CompareWideLoop<TOp> : IIntLoop where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (!lanes.IsActive(i))
                continue;
            var wide = *(ulong*)(lanes.M + (i & ~7));
            var holds = Int.IsSigned<T>()
                ? TOp.Apply(long.CreateTruncating(*(T*)(lanes.N + i)), (long)wide)
                : TOp.Apply(ulong.CreateTruncating(*(T*)(lanes.N + i)), wide);
            if (holds)
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }
}

/// <summary>D = the elements of the immediate, where active; zero or unchanged elsewhere, as <see cref="Lanes.Shift"/> says (1 zeroes).</summary>
internal readonly unsafe struct FillLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var value = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = value;
            else if (lanes.Shift == 1)
                *(T*)(lanes.D + i) = T.Zero;
        }
    }
}

/// <summary>D = N where active, else M.</summary>
internal readonly unsafe struct SelectLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) = *(T*)((lanes.IsActive(i) ? lanes.N : lanes.M) + i);
    }
}
