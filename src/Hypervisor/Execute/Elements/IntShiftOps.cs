using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

// Shifts by a vector. AdvSIMD takes the amount from the low byte of the element, SVE2 from the whole element.

internal readonly struct SShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: false, saturate: false, ref saturated);
}

internal readonly struct SRShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: true, saturate: false, ref saturated);
}

internal readonly struct SqShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: false, saturate: true, ref saturated);
}

internal readonly struct SqRShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: true, saturate: true, ref saturated);
}

internal readonly struct UShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: false, saturate: false, ref saturated);
}

internal readonly struct URShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: true, saturate: false, ref saturated);
}

internal readonly struct UqShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: false, saturate: true, ref saturated);
}

internal readonly struct UqRShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, sbyte.CreateTruncating(b), round: true, saturate: true, ref saturated);
}

internal readonly struct SveSRShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: true, saturate: false, ref saturated);
}

internal readonly struct SveSqShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: false, saturate: true, ref saturated);
}

internal readonly struct SveSqRShl : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: true, saturate: true, ref saturated);
}

internal readonly struct SveURShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: true, saturate: false, ref saturated);
}

internal readonly struct SveUqShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: false, saturate: true, ref saturated);
}

internal readonly struct SveUqRShl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, Int.SignedAmount(b), round: true, saturate: true, ref saturated);
}

/// <summary>The amount is unsigned; in a signed type one with the top bit set is negative.</summary>
internal readonly struct Asr : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a >> (b >= T.Zero && b < T.CreateTruncating(Int.Bits<T>()) ? int.CreateTruncating(b) : Int.Bits<T>() - 1);
}

internal readonly struct Lsr : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        b < T.CreateTruncating(Int.Bits<T>()) ? a >> int.CreateTruncating(b) : T.Zero;
}

internal readonly struct Lsl : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        b < T.CreateTruncating(Int.Bits<T>()) ? a << int.CreateTruncating(b) : T.Zero;
}
