using System.Numerics;
using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;

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
internal readonly unsafe struct DotLoop<TOp> : IIntLoop, IIntVectorBody where TOp : struct, IDotProduct
{
    [SkipLocalsInit]
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        if (lanes.Shift >= 0)
        {
            var repeated = stackalloc byte[CpuState.ZStride];
            var local = lanes.WithRepeatedElement(repeated, sizeof(T)) with { Shift = -1 };
            Run<T>(ref local);
            return;
        }

        if (sizeof(T) == 4 && HostVector.Holds(lanes.Bytes))
        {
            HostVector.Run<DotLoop<TOp>, T>(ref lanes);
            return;
        }

        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
            *(T*)(lanes.D + i) += T.CreateTruncating(Sum(ulong.CreateTruncating(*(T*)(lanes.N + i)), ulong.CreateTruncating(*(T*)(lanes.M + i)), sizeof(T) * 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        TVector n = TVector.Load(lanes.N + at), m = TVector.Load(lanes.M + at);
        return TVector.Load(lanes.D + at)
            + TVector.MultiplyAddHalves(TVector.EvenBytes(n, TOp.SignedN), TVector.EvenBytes(m, TOp.SignedM))
            + TVector.MultiplyAddHalves(TVector.OddBytes(n, TOp.SignedN), TVector.OddBytes(m, TOp.SignedM));
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
