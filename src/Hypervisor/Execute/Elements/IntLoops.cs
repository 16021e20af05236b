using System.Numerics;
using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>D = op(N).</summary>
internal readonly unsafe struct UnaryLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntUnary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<UnaryLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), ref lanes.Saturated);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at));
}

/// <summary>D = op(N, M).</summary>
internal readonly unsafe struct BinaryLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<BinaryLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.M + i), ref lanes.Saturated);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.Load(lanes.M + at));
}

/// <summary>D = op(N, immediate).</summary>
internal readonly unsafe struct ImmediateLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<ImmediateLoop<TOp>, T>(ref lanes);
            return;
        }

        var immediate = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), immediate, ref lanes.Saturated);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.Create(T.CreateTruncating(lanes.Immediate)));
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
internal readonly unsafe struct TernaryLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntTernary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<TernaryLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.A + i), *(T*)(lanes.N + i), *(T*)(lanes.M + i), ref lanes.Saturated);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.A + at), TVector.Load(lanes.N + at), TVector.Load(lanes.M + at));
}

/// <summary>D = op(N, M[index]), the index counting within each 128-bit segment.</summary>
internal readonly unsafe struct IndexedLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    [SkipLocalsInit]
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var repeated = stackalloc byte[CpuState.ZStride];
        var local = lanes.WithRepeatedElement(repeated, sizeof(T));
        BinaryLoop<TOp>.Run<T>(ref local);
        lanes.Saturated = local.Saturated;
    }
}

/// <summary>D = op(A, N, M[index]).</summary>
internal readonly unsafe struct IndexedTernaryLoop<TOp> : IIntLoop where TOp : struct, IIntTernary
{
    [SkipLocalsInit]
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var repeated = stackalloc byte[CpuState.ZStride];
        var local = lanes.WithRepeatedElement(repeated, sizeof(T));
        TernaryLoop<TOp>.Run<T>(ref local);
        lanes.Saturated = local.Saturated;
    }
}

/// <summary>D = op(D, N, shift).</summary>
internal readonly unsafe struct ShiftLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntShift
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<ShiftLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.D + i), *(T*)(lanes.N + i), lanes.Shift, ref lanes.Saturated);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.D + at), TVector.Load(lanes.N + at), lanes.Shift);
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
internal readonly unsafe struct CompareMaskLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<CompareMaskLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            var b = lanes.M == null ? T.Zero : *(T*)(lanes.M + i);
            *(T*)(lanes.D + i) = TOp.Apply(*(T*)(lanes.N + i), b) ? T.AllBitsSet : T.Zero;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), lanes.M == null ? TVector.CreateBits(0) : TVector.Load(lanes.M + at));
}

/// <summary>Predicate D = op(N, M); elements that are not active are false.</summary>
internal readonly unsafe struct ComparePredicateLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.RunCompare<ComparePredicateLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i) && TOp.Apply(*(T*)(lanes.N + i), *(T*)(lanes.M + i)))
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.Load(lanes.M + at));
}

/// <summary>Predicate D = op(N, immediate).</summary>
internal readonly unsafe struct CompareImmediateLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IIntCompare
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (TOp.HasVector && HostVector.Holds(lanes.Bytes))
        {
            HostVector.RunCompare<CompareImmediateLoop<TOp>, T>(ref lanes);
            return;
        }

        var immediate = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i) && TOp.Apply(*(T*)(lanes.N + i), immediate))
                lanes.D[i >> 3] |= (byte)(1 << (i & 7));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.Create(T.CreateTruncating(lanes.Immediate)));
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
internal readonly unsafe struct FillLoop : IIntLoop, IIntVectorBody
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (HostVector.Holds(lanes.Bytes))
        {
            if (lanes.Shift == 1)
                Unsafe.InitBlockUnaligned(lanes.D, 0, (uint)lanes.Bytes);
            HostVector.Run<FillLoop, T>(ref lanes);
            return;
        }

        var value = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            if (lanes.IsActive(i))
                *(T*)(lanes.D + i) = value;
            else if (lanes.Shift == 1)
                *(T*)(lanes.D + i) = T.Zero;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Create(T.CreateTruncating(lanes.Immediate));
}

/// <summary>D = N where active, else M.</summary>
internal readonly unsafe struct SelectLoop : IIntLoop, IIntVectorBody
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (lanes.Pg != null && HostVector.Holds(lanes.Bytes))
        {
            // Every element is written: the predicate only chooses.
            var local = lanes with { A = lanes.Pg, Pg = null };
            HostVector.Run<SelectLoop, T>(ref local);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) = *(T*)((lanes.IsActive(i) ? lanes.N : lanes.M) + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TVector.Select(TVector.Mask(lanes.A, at), TVector.Load(lanes.N + at), TVector.Load(lanes.M + at));
}
