using System.Numerics;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct ReduceSMax : IIntReduction
{
    public static bool Signed => true;

    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.MinValue;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a > b ? a : b;
}

internal readonly struct ReduceUMax : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.Zero;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a > b ? a : b;
}

internal readonly struct ReduceSMin : IIntReduction
{
    public static bool Signed => true;

    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.MaxValue;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a < b ? a : b;
}

internal readonly struct ReduceUMin : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.MaxValue;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a < b ? a : b;
}

internal readonly struct ReduceAnd : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.AllBitsSet;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a & b;
}

internal readonly struct ReduceOrr : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.Zero;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a | b;
}

internal readonly struct ReduceEor : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.Zero;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a ^ b;
}

internal readonly struct ReduceAdd : IIntReduction
{
    public static T Identity<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.Zero;

    public static T Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a + b;
}

internal readonly struct ReduceFAdd : IFpReduction
{
    public static ulong Identity<TFormat>() where TFormat : struct, IFpFormat => FPZero<TFormat>(false);

    public static ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPAdd<TFormat>(a, b, ref context);
}

internal readonly struct ReduceFMax : IFpReduction
{
    public static ulong Identity<TFormat>() where TFormat : struct, IFpFormat => FPInfinity<TFormat>(true);

    public static ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMax<TFormat>(a, b, ref context);
}

internal readonly struct ReduceFMin : IFpReduction
{
    public static ulong Identity<TFormat>() where TFormat : struct, IFpFormat => FPInfinity<TFormat>(false);

    public static ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMin<TFormat>(a, b, ref context);
}

internal readonly struct ReduceFMaxNm : IFpReduction
{
    public static ulong Identity<TFormat>() where TFormat : struct, IFpFormat => FPDefaultNaN<TFormat>();

    public static ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMaxNum<TFormat>(a, b, ref context);
}

internal readonly struct ReduceFMinNm : IFpReduction
{
    public static ulong Identity<TFormat>() where TFormat : struct, IFpFormat => FPDefaultNaN<TFormat>();

    public static ulong Apply<TFormat>(ulong a, ulong b, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMinNum<TFormat>(a, b, ref context);
}
