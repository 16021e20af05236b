using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>D = op(N).</summary>
internal readonly unsafe struct FpUnaryLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpUnary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpUnaryLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (lanes.IsActive(i * (TFormat.Width / 8)))
            StoreElement<TFormat>(lanes.D, i, TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), ref context));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), out unsure);
}

/// <summary>D = op(N, M).</summary>
internal readonly unsafe struct FpBinaryLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpBinary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpBinaryLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (!lanes.IsActive(i * (TFormat.Width / 8)))
            return;
        var result = TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), LoadElement<TFormat>(lanes.M, i), ref context);
        StoreElement<TFormat>(lanes.D, i, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.Load(lanes.M + at), out unsure);
}

/// <summary>D = op(N, immediate).</summary>
internal readonly unsafe struct FpImmediateLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpBinary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpImmediateLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (lanes.IsActive(i * (TFormat.Width / 8)))
            StoreElement<TFormat>(lanes.D, i, TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), lanes.Immediate, ref context));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), TVector.CreateBits(lanes.Immediate), out unsure);
}

/// <summary>D = op(A, N, M).</summary>
internal readonly unsafe struct FpTernaryLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpTernary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpTernaryLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        if (!lanes.IsActive(i * (TFormat.Width / 8)))
            return;
        var result = TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.A, i), LoadElement<TFormat>(lanes.N, i), LoadElement<TFormat>(lanes.M, i), ref context);
        StoreElement<TFormat>(lanes.D, i, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.A + at), TVector.Load(lanes.N + at), TVector.Load(lanes.M + at), out unsure);
}

/// <summary>D = op(N, M[index]), the index counting within each 128-bit segment.</summary>
internal readonly unsafe struct FpIndexedLoop<TOp> : IFpLoop where TOp : struct, IFpBinary
{
    [SkipLocalsInit]
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var repeated = stackalloc byte[CpuState.ZStride];
        var local = lanes.WithRepeatedElement(repeated, TFormat.Width / 8);
        FpBinaryLoop<TOp>.Run<TFormat>(ref local, ref context);
    }
}

/// <summary>D = op(D, N, M[index]).</summary>
internal readonly unsafe struct FpIndexedTernaryLoop<TOp> : IFpLoop where TOp : struct, IFpTernary
{
    [SkipLocalsInit]
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var repeated = stackalloc byte[CpuState.ZStride];
        var local = lanes.WithRepeatedElement(repeated, TFormat.Width / 8) with { A = lanes.D };
        FpTernaryLoop<TOp>.Run<TFormat>(ref local, ref context);
    }
}

/// <summary>D = all ones where op(N, M) holds, else zero; a null M stands for zero: AdvSIMD comparisons.</summary>
internal readonly unsafe struct FpCompareMaskLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpCompare
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpCompareMaskLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var b = lanes.M == null ? 0 : LoadElement<TFormat>(lanes.M, i);
        StoreElement<TFormat>(lanes.D, i, TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), b, ref context) ? ulong.MaxValue : 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), lanes.M == null ? TVector.CreateBits(0) : TVector.Load(lanes.M + at), out unsure);
}

/// <summary>Predicate D = op(N, M); a null M stands for zero.</summary>
internal readonly unsafe struct FpComparePredicateLoop<TOp> : IFpLoop, IFpVectorBody where TOp : struct, IFpCompare
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpComparePredicateLoop<TOp>, TFormat>(TOp.Form, ref lanes, toPredicate: true, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var offset = i * (TFormat.Width / 8);
        if (!lanes.IsActive(offset))
            return;
        var b = lanes.M == null ? 0 : LoadElement<TFormat>(lanes.M, i);
        if (TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), b, ref context))
            lanes.D[offset >> 3] |= (byte)(1 << (offset & 7));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        TOp.Vector<TVector, T>(TVector.Load(lanes.N + at), lanes.M == null ? TVector.CreateBits(0) : TVector.Load(lanes.M + at), out unsure);
}

/// <summary>D = op of adjacent elements of N, then of M. D aliases neither.</summary>
internal readonly unsafe struct FpPairwiseLoop<TOp> : IFpLoop where TOp : struct, IFpBinary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var half = lanes.Bytes / (TFormat.Width / 8) / 2;
        for (var i = 0; i < 2 * half; i++)
        {
            var source = i < half ? lanes.N : lanes.M;
            var pair = i % half * 2;
            var result = TOp.Apply<TFormat>(LoadElement<TFormat>(source, pair), LoadElement<TFormat>(source, pair + 1), ref context);
            StoreElement<TFormat>(lanes.D, i, result);
        }
    }
}

/// <summary>Even elements of D = op of a pair of N, odd ones of a pair of M: SVE2's FADDP. D may be a source.</summary>
internal readonly unsafe struct FpAlternatePairwiseLoop<TOp> : IFpLoop where TOp : struct, IFpBinary
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        for (var i = 0; i < lanes.Bytes / (TFormat.Width / 8); i += 2)
        {
            // Read before the even element is written: M may be D.
            var first = LoadElement<TFormat>(lanes.M, i);
            var second = LoadElement<TFormat>(lanes.M, i + 1);
            if (lanes.IsActive(i * (TFormat.Width / 8)))
                StoreElement<TFormat>(lanes.D, i, TOp.Apply<TFormat>(LoadElement<TFormat>(lanes.N, i), LoadElement<TFormat>(lanes.N, i + 1), ref context));
            if (lanes.IsActive((i + 1) * (TFormat.Width / 8)))
                StoreElement<TFormat>(lanes.D, i + 1, TOp.Apply<TFormat>(first, second, ref context));
        }
    }
}
