using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>How the quarter-width operands of a dot product are extended.</summary>
internal interface IDotProduct
{
    static abstract bool SignedN { get; }

    static abstract bool SignedM { get; }
}

internal readonly struct DotS : IDotProduct
{
    public static bool SignedN => true;

    public static bool SignedM => true;
}

internal readonly struct DotU : IDotProduct
{
    public static bool SignedN => false;

    public static bool SignedM => false;
}

internal readonly struct DotUS : IDotProduct
{
    public static bool SignedN => false;

    public static bool SignedM => true;
}

internal readonly struct DotSU : IDotProduct
{
    public static bool SignedN => true;

    public static bool SignedM => false;
}

/// <summary>D += the four products of quarters of N and M; with <see cref="Lanes.Shift"/> not negative, of M's element of that index.</summary>
internal readonly unsafe struct DotLoop<TOp> : IIntLoop where TOp : struct, IDotProduct
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var segment = 0; segment < lanes.Bytes; segment += 16)
        {
            var end = Math.Min(segment + 16, lanes.Bytes);
            var fixedElement = lanes.Shift < 0 ? 0 : ulong.CreateTruncating(*(T*)(lanes.M + segment + (lanes.Shift * sizeof(T))));
            for (var i = segment; i < end; i += sizeof(T))
            {
                var m = lanes.Shift < 0 ? ulong.CreateTruncating(*(T*)(lanes.M + i)) : fixedElement;
                *(T*)(lanes.D + i) += T.CreateTruncating(Sum(ulong.CreateTruncating(*(T*)(lanes.N + i)), m, sizeof(T) * 2));
            }
        }
    }

    private static long Sum(ulong n, ulong m, int bits)
    {
        long sum = 0;
        for (var i = 0; i < 4; i++)
            sum += Part(n, i * bits, bits, TOp.SignedN) * Part(m, i * bits, bits, TOp.SignedM);
        return sum;
    }

    private static long Part(ulong value, int at, int bits, bool signed)
    {
        var top = value << (64 - bits - at);
        return signed ? (long)top >> (64 - bits) : (long)(top >> (64 - bits));
    }
}

/// <summary>D = (N ^ M) rotated right by <see cref="Lanes.Shift"/>.</summary>
internal readonly unsafe struct XarLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) = T.RotateRight(*(T*)(lanes.N + i) ^ *(T*)(lanes.M + i), lanes.Shift);
    }
}
