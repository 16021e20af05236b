using static System.Numerics.BitOperations;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>The function that a SHA-1 round mixes three words with.</summary>
internal interface ISha1Function
{
    static abstract uint Apply(uint x, uint y, uint z);
}

internal readonly struct Sha1Choose : ISha1Function
{
    public static uint Apply(uint x, uint y, uint z) => Sha.Choose(x, y, z);
}

internal readonly struct Sha1Parity : ISha1Function
{
    public static uint Apply(uint x, uint y, uint z) => x ^ y ^ z;
}

internal readonly struct Sha1Majority : ISha1Function
{
    public static uint Apply(uint x, uint y, uint z) => Sha.Majority(x, y, z);
}

/// <summary>Functions of FIPS 180-4, and of SM3 (GB/T 32905-2016).</summary>
internal static class Sha
{
    public static uint Choose(uint x, uint y, uint z) => ((y ^ z) & x) ^ z;

    public static uint Majority(uint x, uint y, uint z) => (x & y) | ((x | y) & z);

    public static ulong Choose(ulong x, ulong y, ulong z) => ((y ^ z) & x) ^ z;

    public static ulong Majority(ulong x, ulong y, ulong z) => (x & y) | ((x | y) & z);

    /// <summary>Σ0 of SHA-256.</summary>
    public static uint BigSigma0(uint x) => RotateRight(x, 2) ^ RotateRight(x, 13) ^ RotateRight(x, 22);

    /// <summary>Σ1 of SHA-256.</summary>
    public static uint BigSigma1(uint x) => RotateRight(x, 6) ^ RotateRight(x, 11) ^ RotateRight(x, 25);

    /// <summary>σ0 of SHA-256.</summary>
    public static uint SmallSigma0(uint x) => RotateRight(x, 7) ^ RotateRight(x, 18) ^ (x >> 3);

    /// <summary>σ1 of SHA-256.</summary>
    public static uint SmallSigma1(uint x) => RotateRight(x, 17) ^ RotateRight(x, 19) ^ (x >> 10);

    /// <summary>Σ0 of SHA-512.</summary>
    public static ulong BigSigma0(ulong x) => RotateRight(x, 28) ^ RotateRight(x, 34) ^ RotateRight(x, 39);

    /// <summary>Σ1 of SHA-512.</summary>
    public static ulong BigSigma1(ulong x) => RotateRight(x, 14) ^ RotateRight(x, 18) ^ RotateRight(x, 41);

    /// <summary>σ0 of SHA-512.</summary>
    public static ulong SmallSigma0(ulong x) => RotateRight(x, 1) ^ RotateRight(x, 8) ^ (x >> 7);

    /// <summary>σ1 of SHA-512.</summary>
    public static ulong SmallSigma1(ulong x) => RotateRight(x, 19) ^ RotateRight(x, 61) ^ (x >> 6);

    /// <summary>P0 of SM3.</summary>
    public static uint Permute0(uint x) => x ^ RotateLeft(x, 9) ^ RotateLeft(x, 17);

    /// <summary>P1 of SM3.</summary>
    public static uint Permute1(uint x) => x ^ RotateLeft(x, 15) ^ RotateLeft(x, 23);
}
