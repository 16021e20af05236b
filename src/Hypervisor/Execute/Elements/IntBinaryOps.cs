using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct Add : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a + b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a + b;
}

internal readonly struct Sub : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a - b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a - b;
}

internal readonly struct And : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a & b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a & b;
}

internal readonly struct Orr : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a | b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a | b;
}

internal readonly struct Eor : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a ^ b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a ^ b;
}

internal readonly struct Bic : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a & ~b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a & ~b;
}

internal readonly struct Orn : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a | ~b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a | ~b;
}

internal readonly struct Mul : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a * b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => a * b;
}

internal readonly struct SMulH : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) * Int.Wide(b)) >> Int.Bits<T>());
}

internal readonly struct UMulH : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) * Int.Wide(b)) >>> Int.Bits<T>());
}

internal readonly struct SMax : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b ? a : b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Max(a, b);
}

internal readonly struct UMax : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b ? a : b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Max(a, b);
}

internal readonly struct SMin : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a < b ? a : b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Min(a, b);
}

internal readonly struct UMin : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a < b ? a : b;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Min(a, b);
}

internal readonly struct SAbd : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b ? a - b : b - a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Max(a, b) - TVector.Min(a, b);
}

internal readonly struct UAbd : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a > b ? a - b : b - a;

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Max(a, b) - TVector.Min(a, b);
}

/// <summary>Division by zero gives zero, and the most negative number divided by -1 itself.</summary>
internal readonly struct SDiv : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        b == T.Zero ? T.Zero : b == -T.One ? -a : a / b;
}

internal readonly struct UDiv : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        b == T.Zero ? T.Zero : a / b;
}

internal readonly struct SqAdd : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var sum = a + b;
        if (Int.IsSigned<T>() ? ((a ^ sum) & (b ^ sum)) >= T.Zero : sum >= a)
            return sum;
        saturated = true;
        return Int.IsSigned<T>() && a < T.Zero ? T.MinValue : T.MaxValue;
    }
}

internal readonly struct UqAdd : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var sum = a + b;
        if (Int.IsSigned<T>() ? ((a ^ sum) & (b ^ sum)) >= T.Zero : sum >= a)
            return sum;
        saturated = true;
        return Int.IsSigned<T>() && a < T.Zero ? T.MinValue : T.MaxValue;
    }
}

internal readonly struct SqSub : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var difference = a - b;
        if (Int.IsSigned<T>() ? ((a ^ b) & (a ^ difference)) >= T.Zero : a >= b)
            return difference;
        saturated = true;
        return Int.IsSigned<T>() && a >= T.Zero ? T.MaxValue : T.MinValue;
    }
}

internal readonly struct UqSub : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var difference = a - b;
        if (Int.IsSigned<T>() ? ((a ^ b) & (a ^ difference)) >= T.Zero : a >= b)
            return difference;
        saturated = true;
        return Int.IsSigned<T>() && a >= T.Zero ? T.MaxValue : T.MinValue;
    }
}

/// <summary>Adds an unsigned element to a signed one (SUQADD).</summary>
internal readonly struct SuqAdd : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.Saturate<T>(Int.Wide(a) + (Int.Wide(b) & ((Int128.One << Int.Bits<T>()) - 1)), ref saturated);
}

/// <summary>Adds a signed element to an unsigned one (USQADD).</summary>
internal readonly struct UsqAdd : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.Saturate<T>(Int.Wide(a) + (b >> (Int.Bits<T>() - 1) == T.Zero ? Int.Wide(b) : Int.Wide(b) - (Int128.One << Int.Bits<T>())), ref saturated);
}

internal readonly struct SHAdd : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) + Int.Wide(b)) >> 1);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (a & b) + ((a ^ b) >> 1);
}

internal readonly struct UHAdd : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) + Int.Wide(b)) >> 1);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (a & b) + ((a ^ b) >> 1);
}

internal readonly struct SRHAdd : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) + Int.Wide(b) + 1) >> 1);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (a | b) - ((a ^ b) >> 1);
}

internal readonly struct URHAdd : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) + Int.Wide(b) + 1) >> 1);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => (a | b) - ((a ^ b) >> 1);
}

internal readonly struct SHSub : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) - Int.Wide(b)) >> 1);
}

internal readonly struct UHSub : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating((Int.Wide(a) - Int.Wide(b)) >> 1);
}

internal readonly struct SqDMulH : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.MultiplyHigh(a, b, Int.Bits<T>() - 1, round: false, ref saturated);
}

internal readonly struct SqRDMulH : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.MultiplyHigh(a, b, Int.Bits<T>() - 1, round: true, ref saturated);
}

/// <summary>On operands already widened: SQDMULL.</summary>
internal readonly struct SqDMulLong : IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        Int.Saturate<T>(2 * Int.Wide(a) * Int.Wide(b), ref saturated);
}

/// <summary>Polynomial multiplication over {0, 1}.</summary>
internal readonly struct PMul : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var product = T.Zero;
        for (var i = 0; i < Int.Bits<T>(); i++)
        {
            if (((b >> i) & T.One) != T.Zero)
                product ^= a << i;
        }

        return product;
    }
}

/// <summary>Exclusive or with the second operand rotated left by one (RAX1).</summary>
internal readonly struct Rax1 : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        a ^ T.RotateLeft(b, 1);
}

/// <summary>The operation with its operands exchanged (SUBR, SDIVR, LSLR).</summary>
internal readonly struct Reversed<TOp> : IIntBinary where TOp : struct, IIntBinary
{
    public static bool Signed => TOp.Signed;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Apply(b, a, ref saturated);

    public static bool HasVector => TOp.HasVector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TOp.Vector<TVector, T>(b, a);
}

/// <summary>The operation on signed elements, for one whose result does not depend on the sign until its operands are widened.</summary>
internal readonly struct OnSigned<TOp> : IIntBinary where TOp : struct, IIntBinary
{
    public static bool Signed => true;

    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        TOp.Apply(a, b, ref saturated);

    public static bool HasVector => TOp.HasVector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TOp.Vector<TVector, T>(a, b);
}

internal readonly struct Nor : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        ~(a | b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => ~(a | b);
}

internal readonly struct Nand : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        ~(a & b);

    public static bool HasVector => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => ~(a & b);
}
