using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Conformance.Tests.Cases;

/// <summary>
/// A fast 64-bit hash for recorded results, in four independent lanes of multiply and rotate. It must never change, since files
/// hold its values; it need not resist anybody.
/// </summary>
internal static class StateHash
{
    private const ulong First = 0x9e37_79b9_7f4a_7c15;
    private const ulong Second = 0xc2b2_ae3d_27d4_eb4f;

    /// <summary>The hash of bytes, a multiple of eight, continuing from an earlier hash.</summary>
    public static ulong Compute(ReadOnlySpan<byte> bytes, ulong previous)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var (a, b, c, d) = (previous ^ First, previous + Second, ~previous, previous ^ (ulong)bytes.Length);
        var i = 0;
        for (; i + 4 <= words.Length; i += 4)
        {
            a = Mix(a, words[i]);
            b = Mix(b, words[i + 1]);
            c = Mix(c, words[i + 2]);
            d = Mix(d, words[i + 3]);
        }

        for (; i < words.Length; i++)
            a = Mix(a, words[i]);
        return Finish(a ^ BitOperations.RotateLeft(Finish(b), 13) ^ BitOperations.RotateLeft(Finish(c), 29) ^ BitOperations.RotateLeft(Finish(d), 47));
    }

    /// <summary>Folds one number into a hash.</summary>
    public static ulong Combine(ulong hash, ulong value) => Finish(Mix(hash, value));

    /// <summary>The hash of a name, the same in every process.</summary>
    public static ulong OfText(string text)
    {
        var hash = First;
        foreach (var c in text)
            hash = Mix(hash, c);
        return Finish(hash);
    }

    /// <summary>
    /// The hash of what differs between two equally long pieces of memory: offset and new value of each changed 8-byte word. Zero
    /// when nothing does. The oracle computes the same.
    /// </summary>
    public static ulong OfChanges(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after)
    {
        var hash = 0ul;
        for (var at = 0; ;)
        {
            at += after[at..].CommonPrefixLength(before[at..]) & ~7;
            if (at >= after.Length)
                return hash;
            hash = (((hash ^ (ulong)at) * 0x100000001b3) ^ BinaryPrimitives.ReadUInt64LittleEndian(after[at..])) * 0x100000001b3;
            hash ^= hash >> 29;
            at += 8;
        }
    }

    private static ulong Mix(ulong lane, ulong word) => BitOperations.RotateLeft((lane ^ word) * First, 31) * Second;

    private static ulong Finish(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
