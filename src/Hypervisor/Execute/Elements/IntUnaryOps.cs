using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct Abs : IIntUnary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a < T.Zero ? -a : a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Max(a, TVector.CreateBits(0) - a);
}

internal readonly struct Neg : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        -a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.CreateBits(0) - a;
}

internal readonly struct Not : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        ~a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => ~a;
}

internal readonly struct Cls : IIntUnary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.LeadingZeroCount((a ^ (a >> 1)) & T.MaxValue) - T.One;
}

internal readonly struct Clz : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.LeadingZeroCount(a);
}

internal readonly struct Cnt : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.PopCount(a);
}

internal readonly struct Cnot : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a == T.Zero ? T.One : T.Zero;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Equal(a, TVector.CreateBits(0)) & TVector.CreateBits(1);
}

internal readonly struct Rbit : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var result = T.Zero;
        for (var i = 0; i < Int.Bits<T>(); i++)
            result = (result << 1) | ((a >> i) & T.One);
        return result;
    }
}

internal readonly struct SqAbs : IIntUnary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (a != T.MinValue)
            return a < T.Zero ? -a : a;
        saturated = true;
        return T.MaxValue;
    }
}

internal readonly struct SqNeg : IIntUnary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (a != T.MinValue)
            return -a;
        saturated = true;
        return T.MaxValue;
    }
}

/// <summary>Reverses bytes.</summary>
internal readonly struct Rev8 : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(ulong.CreateTruncating(a)) >> (64 - Int.Bits<T>()));
}

/// <summary>Reverses halfwords.</summary>
internal readonly struct Rev16 : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ReverseParts(a, 16);
}

/// <summary>Reverses words.</summary>
internal readonly struct Rev32 : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ReverseParts(a, 32);
}

internal readonly struct Move : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a;
}

internal readonly struct Sxtb : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(sbyte.CreateTruncating(a));
}

internal readonly struct Sxth : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(short.CreateTruncating(a));
}

internal readonly struct Sxtw : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(int.CreateTruncating(a));
}

internal readonly struct Uxtb : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(byte.CreateTruncating(a));
}

internal readonly struct Uxth : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(ushort.CreateTruncating(a));
}

internal readonly struct Uxtw : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(uint.CreateTruncating(a));
}

internal readonly struct URecpe : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(Fp.SoftFloat.UnsignedRecipEstimate(uint.CreateTruncating(a)));
}

internal readonly struct URsqrte : IIntUnary
{
    public static T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(Fp.SoftFloat.UnsignedRSqrtEstimate(uint.CreateTruncating(a)));
}
