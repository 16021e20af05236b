using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// An integer operation on one element. <see cref="Signed"/> chooses the type it is instantiated with; saturated is set
/// when a result was clamped (FPSR.QC for AdvSIMD, without effect in SVE).
/// </summary>
internal interface IIntUnary
{
    static virtual bool Signed => false;

    static abstract T Apply<T>(T a, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element and never saturates.</summary>
    static virtual bool HasVector => false;

    static virtual TVector Vector<TVector, T>(TVector a)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => throw new System.Diagnostics.UnreachableException();
}

/// <summary>An integer operation on two elements.</summary>
internal interface IIntBinary
{
    static virtual bool Signed => false;

    static abstract T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element and never saturates.</summary>
    static virtual bool HasVector => false;

    static virtual TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => throw new System.Diagnostics.UnreachableException();
}

/// <summary>An integer operation that accumulates into d.</summary>
internal interface IIntTernary
{
    static virtual bool Signed => false;

    static abstract T Apply<T>(T d, T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element and never saturates.</summary>
    static virtual bool HasVector => false;

    static virtual TVector Vector<TVector, T>(TVector d, TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => throw new System.Diagnostics.UnreachableException();
}

/// <summary>A shift by an immediate; d is the old destination, for the accumulating and inserting forms.</summary>
internal interface IIntShift
{
    static virtual bool Signed => false;

    static abstract T Apply<T>(T d, T a, int shift, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element and never saturates.</summary>
    static virtual bool HasVector => false;

    static virtual TVector Vector<TVector, T>(TVector d, TVector a, int shift)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => throw new System.Diagnostics.UnreachableException();
}

/// <summary>An integer comparison.</summary>
internal interface IIntCompare
{
    static virtual bool Signed => false;

    static abstract bool Apply<T>(T a, T b) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>;

    /// <summary>Whether there is a vector form, which gives what Apply does in every element and never saturates.</summary>
    static virtual bool HasVector => false;

    static virtual TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => throw new System.Diagnostics.UnreachableException();
}

/// <summary>Arithmetic that several element operations share.</summary>
internal static class Int
{
    /// <summary>Element width in bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Bits<T>() where T : unmanaged => Unsafe.SizeOf<T>() * 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsSigned<T>() where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => T.MinValue < T.Zero;

    /// <summary>value as an element, clamped to its range.</summary>
    public static T Saturate<T>(Int128 value, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (value > Int128.CreateTruncating(T.MaxValue))
        {
            saturated = true;
            return T.MaxValue;
        }

        if (value < Int128.CreateTruncating(T.MinValue))
        {
            saturated = true;
            return T.MinValue;
        }

        return T.CreateTruncating(value);
    }

    /// <summary>value clamped to the unsigned range of T's width, as raw bits in T.</summary>
    public static T SaturateUnsigned<T>(Int128 value, ref bool saturated) where T : unmanaged, IBinaryInteger<T>
    {
        var maximum = (Int128.One << Bits<T>()) - 1;
        if (value >= 0 && value <= maximum)
            return T.CreateTruncating(value);
        saturated = true;
        return value < 0 ? T.Zero : T.AllBitsSet;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Int128 Wide<T>(T value) where T : unmanaged, IBinaryInteger<T> => Int128.CreateTruncating(value);

    /// <summary>Reverses the order of an element's parts of the given width in bits.</summary>
    public static T ReverseParts<T>(T value, int width) where T : unmanaged, IBinaryInteger<T>
    {
        ulong source = ulong.CreateTruncating(value), result = 0;
        for (var i = 0; i < Bits<T>(); i += width)
            result |= ((source >> i) & ((1ul << width) - 1)) << (Bits<T>() - width - i);
        return T.CreateTruncating(result);
    }

    /// <summary>An element read as a signed shift amount, whatever its type.</summary>
    public static long SignedAmount<T>(T amount) where T : unmanaged, IBinaryInteger<T> =>
        long.CreateTruncating(amount) << (64 - Bits<T>()) >> (64 - Bits<T>());

    /// <summary>Shift left for a positive shift, right for a negative one, as SSHL and its relatives define it.</summary>
    public static T ShiftBy<T>(T value, long shift, bool round, bool saturate, ref bool saturated)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var bits = Bits<T>();
        if (shift >= 0)
        {
            if (shift >= bits)
            {
                if (!saturate || value == T.Zero)
                    return T.Zero;
                saturated = true;
                return value < T.Zero ? T.MinValue : T.MaxValue;
            }

            return saturate ? Saturate<T>(Wide(value) << (int)shift, ref saturated) : value << (int)shift;
        }

        // Past the element's width plus one, nothing changes any more.
        var right = shift < -bits ? bits + 1 : (int)-shift;
        var wide = Wide(value);
        if (round)
            wide += Int128.One << (right - 1);
        return T.CreateTruncating(wide >> right);
    }

    /// <summary>(a × b) × 2^-shift with optional rounding, saturated.</summary>
    public static T MultiplyHigh<T>(T a, T b, int shift, bool round, ref bool saturated)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var product = Wide(a) * Wide(b);
        if (round)
            product += Int128.One << (shift - 1);
        return Saturate<T>(product >> shift, ref saturated);
    }

    /// <summary>The product of two polynomials over {0, 1} of degree 63.</summary>
    public static UInt128 PolynomialProduct(ulong a, ulong b)
    {
        UInt128 product = 0;
        for (var i = 0; i < 64; i++)
        {
            if ((b >> i & 1) != 0)
                product ^= (UInt128)a << i;
        }

        return product;
    }
}
