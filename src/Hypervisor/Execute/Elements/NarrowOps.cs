using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct Shrn : INarrow
{
    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a >> shift;
}

internal readonly struct Rshrn : INarrow
{
    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(INarrow.Shift(a, shift, true));
}

internal readonly struct Sqshrn : INarrow
{
    public static bool Signed => true;

    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, false), false, ref saturated);
}

internal readonly struct Sqrshrn : INarrow
{
    public static bool Signed => true;

    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, true), false, ref saturated);
}

internal readonly struct Uqshrn : INarrow
{
    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, false), true, ref saturated);
}

internal readonly struct Uqrshrn : INarrow
{
    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, true), true, ref saturated);
}

internal readonly struct Sqshrun : INarrow
{
    public static bool Signed => true;

    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, false), true, ref saturated);
}

internal readonly struct Sqrshrun : INarrow
{
    public static bool Signed => true;

    public static T Apply<T>(T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        INarrow.Clamp<T>(INarrow.Shift(a, shift, true), true, ref saturated);
}
