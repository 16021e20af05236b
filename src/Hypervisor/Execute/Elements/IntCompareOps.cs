using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct CmpEq : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a == b;
}

internal readonly struct CmpNe : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a != b;
}

internal readonly struct CmpGe : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a >= b;
}

internal readonly struct CmpGt : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b;
}

internal readonly struct CmpLt : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a < b;
}

internal readonly struct CmpLe : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a <= b;
}

internal readonly struct CmpHs : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a >= b;
}

internal readonly struct CmpHi : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b;
}

internal readonly struct CmpLo : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a < b;
}

internal readonly struct CmpLs : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a <= b;
}

internal readonly struct CmpTst : IIntCompare
{
    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (a & b) != T.Zero;
}

/// <summary>Equality of signed elements, which differs where they are widened first.</summary>
internal readonly struct SCmpEq : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a == b;
}

internal readonly struct SCmpNe : IIntCompare
{
    public static bool Signed => true;

    public static bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a != b;
}
