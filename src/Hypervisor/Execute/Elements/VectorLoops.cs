using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>What an integer loop computes for the elements that a host vector holds.</summary>
internal interface IIntVectorBody
{
    /// <param name="at">First of the elements, in bytes from the registers' start.</param>
    static abstract TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;
}

/// <summary>What a floating-point loop computes for the elements that a host vector holds, and for one of them alone.</summary>
internal interface IFpVectorBody
{
    /// <summary>Elements that <see cref="Element"/> does at once.</summary>
    static virtual int Step => 1;

    /// <param name="at">First of the elements, in bytes from the registers' start.</param>
    /// <param name="unsure">Elements whose value or effect on FPSR may differ from Arm's: all ones.</param>
    static abstract TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged;

    /// <summary>The definition: element <paramref name="i"/>, if it is active.</summary>
    static abstract void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat;
}

/// <summary>Runs loop bodies at the widest host vector that divides what the guest's vector has.</summary>
/// <remarks>
/// The loops are compiled when first used and optimised at once: precompiled code knows no vectors beyond the least common processor's, and
/// unoptimised generic code would be slower than one element at a time.
/// </remarks>
internal static unsafe class HostVector
{
    /// <summary>Least bytes of a register that a host vector holds.</summary>
    public const int MinimumBytes = 16;

    private static readonly bool _has512 = Vector512.IsHardwareAccelerated;
    private static readonly bool _has256 = Vector256.IsHardwareAccelerated;

    /// <summary>Whether this much of a register is whole host vectors, and the host has any.</summary>
    public static bool Holds(int bytes) => (bytes & (MinimumBytes - 1)) == 0 && Vector128.IsHardwareAccelerated;

    /// <summary>The bits of a predicate that stand for whole elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ElementBits<T>() where T : unmanaged => sizeof(T) switch
    {
        1 => ulong.MaxValue,
        2 => 0x5555_5555_5555_5555,
        4 => 0x1111_1111_1111_1111,
        _ => 0x0101_0101_0101_0101,
    };

    /// <summary>D = the body's values, where active.</summary>
    public static void Run<TBody, T>(ref Lanes lanes)
        where TBody : struct, IIntVectorBody
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (_has512 && (lanes.Bytes & 63) == 0)
            Chunks<TBody, Host512<T>, T>(ref lanes);
        else if (_has256 && (lanes.Bytes & 31) == 0)
            Chunks<TBody, Host256<T>, T>(ref lanes);
        else
            Chunks<TBody, Host128<T>, T>(ref lanes);
    }

    /// <summary>Predicate D = the body's comparison, where active.</summary>
    public static void RunCompare<TBody, T>(ref Lanes lanes)
        where TBody : struct, IIntVectorBody
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (_has512 && (lanes.Bytes & 63) == 0)
            CompareChunks<TBody, Host512<T>, T>(ref lanes);
        else if (_has256 && (lanes.Bytes & 31) == 0)
            CompareChunks<TBody, Host256<T>, T>(ref lanes);
        else
            CompareChunks<TBody, Host128<T>, T>(ref lanes);
    }

    /// <summary>
    /// D = the body's values, or with <paramref name="toPredicate"/> predicate D = its comparison, where active: by host vectors where they are
    /// exact for operations of this form, else element by element.
    /// </summary>
    public static void RunFp<TBody, TFormat>(FpVectorForm form, ref Lanes lanes, bool toPredicate, ref FpContext context)
        where TBody : struct, IFpVectorBody
        where TFormat : struct, IFpFormat
    {
        if (!FpVector.IsUsable<TFormat>(form, lanes.Bytes, context))
            Elements<TBody, TFormat>(ref lanes, 0, lanes.Bytes, ref context);
        else if (TFormat.Width == 32)
            RunFp<TBody, TFormat, float>(ref lanes, toPredicate, ref context);
        else
            RunFp<TBody, TFormat, double>(ref lanes, toPredicate, ref context);
    }

    private static void RunFp<TBody, TFormat, T>(ref Lanes lanes, bool toPredicate, ref FpContext context)
        where TBody : struct, IFpVectorBody
        where TFormat : struct, IFpFormat
        where T : unmanaged
    {
        if (_has512 && (lanes.Bytes & 63) == 0)
            FpChunks<TBody, TFormat, Host512<T>, T>(ref lanes, toPredicate, ref context);
        else if (_has256 && (lanes.Bytes & 31) == 0)
            FpChunks<TBody, TFormat, Host256<T>, T>(ref lanes, toPredicate, ref context);
        else
            FpChunks<TBody, TFormat, Host128<T>, T>(ref lanes, toPredicate, ref context);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Chunks<TBody, TVector, T>(ref Lanes lanes)
        where TBody : struct, IIntVectorBody
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var local = lanes;
        if (local.Pg == null)
        {
            for (var at = 0; at < local.Bytes; at += TVector.Bytes)
                TVector.Store(TBody.At<TVector, T>(in local, at), local.D + at);
            return;
        }

        for (var at = 0; at < local.Bytes; at += TVector.Bytes)
        {
            var value = TBody.At<TVector, T>(in local, at);
            TVector.Store(TVector.Select(TVector.Mask(local.Pg, at), value, TVector.Load(local.D + at)), local.D + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void CompareChunks<TBody, TVector, T>(ref Lanes lanes)
        where TBody : struct, IIntVectorBody
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var local = lanes;
        for (var at = 0; at < local.Bytes; at += TVector.Bytes)
            TVector.StorePredicate(TBody.At<TVector, T>(in local, at), local.Pg, local.D, at);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FpChunks<TBody, TFormat, TVector, T>(ref Lanes lanes, bool toPredicate, ref FpContext context)
        where TBody : struct, IFpVectorBody
        where TFormat : struct, IFpFormat
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var local = lanes;
        for (var at = 0; at < local.Bytes; at += TVector.Bytes)
        {
            var value = TBody.At<TVector, T>(in local, at, out var unsure);
            if (local.Pg == null)
            {
                if (TVector.IsZero(unsure))
                    TVector.Store(value, local.D + at);
                else
                    Elements<TBody, TFormat>(ref lanes, at, TVector.Bytes, ref context);
                continue;
            }

            var mask = TVector.Mask(local.Pg, at);
            if (!TVector.IsZero(unsure & mask))
                Elements<TBody, TFormat>(ref lanes, at, TVector.Bytes, ref context);
            else if (toPredicate)
                TVector.StorePredicate(value, local.Pg, local.D, at);
            else
                TVector.Store(TVector.Select(mask, value, TVector.Load(local.D + at)), local.D + at);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Elements<TBody, TFormat>(ref Lanes lanes, int at, int bytes, ref FpContext context)
        where TBody : struct, IFpVectorBody
        where TFormat : struct, IFpFormat
    {
        var first = at / (TFormat.Width / 8);
        for (var i = first; i < first + (bytes / (TFormat.Width / 8)); i += TBody.Step)
            TBody.Element<TFormat>(ref lanes, i, ref context);
    }
}
