using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>BEXT: the bits of a that b selects, packed at the bottom.</summary>
internal readonly struct BitExtract : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(BitPermute.Extract(ulong.CreateTruncating(a), ulong.CreateTruncating(b)));
}

/// <summary>BDEP: the lowest bits of a, spread to where b selects.</summary>
internal readonly struct BitDeposit : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        T.CreateTruncating(BitPermute.Deposit(ulong.CreateTruncating(a), ulong.CreateTruncating(b)));
}

/// <summary>BGRP: the bits of a that b selects, packed at the bottom, and the others packed above them.</summary>
internal readonly struct BitGroup : IIntBinary
{
    public static T Apply<T>(T a, T b, ref bool saturated) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var selected = int.CreateTruncating(T.PopCount(b));
        var bottom = BitExtract.Apply(a, b, ref saturated);
        return selected == Int.Bits<T>() ? bottom : bottom | BitExtract.Apply(a, ~b, ref saturated) << selected;
    }
}

/// <summary>Extraction and deposit of bits under a mask, by the host's instructions where it has them.</summary>
internal static class BitPermute
{
    public static ulong Extract(ulong value, ulong mask) =>
        Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitExtract(value, mask) : ExtractPortable(value, mask);

    public static ulong Deposit(ulong value, ulong mask) =>
        Bmi2.X64.IsSupported ? Bmi2.X64.ParallelBitDeposit(value, mask) : DepositPortable(value, mask);

    public static ulong ExtractPortable(ulong value, ulong mask)
    {
        var result = 0ul;
        for (var to = 0; mask != 0; to++, mask &= mask - 1)
            result |= (value >> BitOperations.TrailingZeroCount(mask) & 1) << to;
        return result;
    }

    public static ulong DepositPortable(ulong value, ulong mask)
    {
        var result = 0ul;
        for (; mask != 0; value >>= 1, mask &= mask - 1)
            result |= (value & 1) << BitOperations.TrailingZeroCount(mask);
        return result;
    }
}
