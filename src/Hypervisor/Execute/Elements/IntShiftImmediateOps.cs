using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>SSHR, ASR.</summary>
internal readonly struct ShrImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a >> Math.Min(shift, Int.Bits<T>() - 1);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a >> Math.Min(shift, Int.Bits<T>() - 1);
}

/// <summary>USHR, LSR.</summary>
internal readonly struct UShrImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        shift >= Int.Bits<T>() ? T.Zero : a >> shift;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => shift >= Int.Bits<T>() ? TVector.CreateBits(0) : a >> shift;
}

/// <summary>SHL, LSL.</summary>
internal readonly struct ShlImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        shift >= Int.Bits<T>() ? T.Zero : a << shift;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => shift >= Int.Bits<T>() ? TVector.CreateBits(0) : a << shift;
}

internal readonly struct SsraImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + (a >> Math.Min(shift, Int.Bits<T>() - 1));

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => d + (a >> Math.Min(shift, Int.Bits<T>() - 1));
}

internal readonly struct UsraImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        shift >= Int.Bits<T>() ? d : d + (a >> shift);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => shift >= Int.Bits<T>() ? d : d + (a >> shift);
}

internal readonly struct SrshrImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, -shift, round: true, saturate: false, ref saturated);
}

internal readonly struct UrshrImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, -shift, round: true, saturate: false, ref saturated);
}

internal readonly struct SrsraImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + Int.ShiftBy(a, -shift, round: true, saturate: false, ref saturated);
}

internal readonly struct UrsraImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        d + Int.ShiftBy(a, -shift, round: true, saturate: false, ref saturated);
}

internal readonly struct SriImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        shift >= Int.Bits<T>() ? d : (d & ~(T.AllBitsSet >> shift)) | (a >> shift);
}

internal readonly struct SliImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        (d & ~(T.AllBitsSet << shift)) | (a << shift);
}

internal readonly struct SqshlImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, shift, round: false, saturate: true, ref saturated);
}

internal readonly struct UqshlImm : IIntShift
{
    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.ShiftBy(a, shift, round: false, saturate: true, ref saturated);
}

/// <summary>Rounds toward zero (ASRD).</summary>
internal readonly struct AsrdImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        shift >= Int.Bits<T>() ? T.Zero : (a + (a < T.Zero ? (T.One << shift) - T.One : T.Zero)) >> shift;
}

/// <summary>Signed source, unsigned result (SQSHLU).</summary>
internal readonly struct SqshluImm : IIntShift
{
    public static bool Signed => true;

    public static T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.SaturateUnsigned<T>(Int.Wide(a) << shift, ref saturated);
}
