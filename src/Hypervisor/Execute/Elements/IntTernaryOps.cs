using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct Mla : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + (a * b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d + (a * b);
}

internal readonly struct Mls : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d - (a * b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d - (a * b);
}

internal readonly struct Saba : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + (a > b ? a - b : b - a);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d + TVector.Max(a, b) - TVector.Min(a, b);
}

internal readonly struct Uaba : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + (a > b ? a - b : b - a);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d + TVector.Max(a, b) - TVector.Min(a, b);
}

internal readonly struct Bsl : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (a & d) | (b & ~d);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (a & d) | (b & ~d);
}

internal readonly struct Bit : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (d & ~b) | (a & b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (d & ~b) | (a & b);
}

internal readonly struct Bif : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (d & b) | (a & ~b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (d & b) | (a & ~b);
}

internal readonly struct SqRDMlah : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.Saturate<T>(((Int.Wide(d) << (Int.Bits<T>() - 1)) + (Int.Wide(a) * Int.Wide(b)) + (Int128.One << (Int.Bits<T>() - 2))) >> (Int.Bits<T>() - 1), ref saturated);
}

internal readonly struct SqRDMlsh : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.Saturate<T>(((Int.Wide(d) << (Int.Bits<T>() - 1)) - (Int.Wide(a) * Int.Wide(b)) + (Int128.One << (Int.Bits<T>() - 2))) >> (Int.Bits<T>() - 1), ref saturated);
}

/// <summary>On operands already widened: SQDMLAL.</summary>
internal readonly struct SqDMlalLong : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        SqAdd.Apply(d, SqDMulLong.Apply(a, b, ref saturated), ref saturated);
}

/// <summary>On operands already widened: SQDMLSL.</summary>
internal readonly struct SqDMlslLong : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        SqSub.Apply(d, SqDMulLong.Apply(a, b, ref saturated), ref saturated);
}

/// <summary>Signed only matters where operands are widened first.</summary>
internal readonly struct SMla : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + (a * b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d + (a * b);
}

internal readonly struct SMls : IIntTernary
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d - (a * b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d - (a * b);
}

internal readonly struct Eor3 : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d ^ a ^ b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d ^ a ^ b;
}

/// <summary>SVE2 BSL: the third operand selects.</summary>
internal readonly struct SveBsl : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (d & b) | (a & ~b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (d & b) | (a & ~b);
}

internal readonly struct Bcax : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d ^ (a & ~b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d ^ (a & ~b);
}

internal readonly struct Bsl1n : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (~d & b) | (a & ~b);
}

internal readonly struct Bsl2n : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (d & b) | (~a & ~b);
}

internal readonly struct Nbsl : IIntTernary
{
    public static T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        ~((d & b) | (a & ~b));
}
