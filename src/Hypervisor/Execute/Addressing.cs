using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>How a load or store of one register forms its address.</summary>
internal interface IAddressing
{
    /// <summary>Whether the base register is updated; such an access has no valid syndrome.</summary>
    static abstract bool Writeback { get; }

    /// <summary>The address to access, given the base. <paramref name="updated"/> is the base's new value when it is written back.</summary>
    static abstract ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated);
}

/// <summary><c>[Xn|SP, #imm12 * size]</c></summary>
internal readonly struct UnsignedOffset : IAddressing
{
    public static bool Writeback => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) =>
        updated = baseAddress + ((word >> 10 & 0xfff) * (ulong)size);
}

/// <summary><c>[Xn|SP, #simm9]</c></summary>
internal readonly struct UnscaledOffset : IAddressing
{
    public static bool Writeback => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) =>
        updated = baseAddress + Operands.Imm9(word);
}

/// <summary><c>[Xn|SP]</c></summary>
internal readonly struct BaseOnly : IAddressing
{
    public static bool Writeback => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) => updated = baseAddress;
}

/// <summary><c>[Xn|SP], #simm9</c></summary>
internal readonly struct PostIndexed : IAddressing
{
    public static bool Writeback => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated)
    {
        updated = baseAddress + Operands.Imm9(word);
        return baseAddress;
    }
}

/// <summary><c>[Xn|SP, #simm9]!</c></summary>
internal readonly struct PreIndexed : IAddressing
{
    public static bool Writeback => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) =>
        updated = baseAddress + Operands.Imm9(word);
}

/// <summary><c>[Xn|SP, Wm|Xm, extend #log2(size) or #0]</c></summary>
internal readonly struct RegisterOffset : IAddressing
{
    public static bool Writeback => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated)
    {
        var shift = (word & 1u << 12) != 0 ? BitOperations.Log2((uint)size) : 0;
        var index = c.X(Operands.Rm(word));
        updated = baseAddress;
        return baseAddress + ((word >> 13 & 7) == 3 ? index << shift : Width.Extend(index, word >> 13 & 7, shift));
    }
}

/// <summary><c>[Xn|SP, #simm7 * size]</c> of a pair.</summary>
internal readonly struct PairOffset : IAddressing
{
    public static bool Writeback => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) =>
        updated = baseAddress + Offset(word, size);

    /// <summary>imm7 in bits 21:15, scaled by the size of one register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Offset(uint word, int size) => (ulong)(((long)((ulong)word << 42) >> 57) * size);
}

/// <summary><c>[Xn|SP], #simm7 * size</c> of a pair.</summary>
internal readonly struct PairPostIndexed : IAddressing
{
    public static bool Writeback => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated)
    {
        updated = baseAddress + PairOffset.Offset(word, size);
        return baseAddress;
    }
}

/// <summary><c>[Xn|SP, #simm7 * size]!</c> of a pair.</summary>
internal readonly struct PairPreIndexed : IAddressing
{
    public static bool Writeback => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Address(Interpreter c, uint word, ulong baseAddress, int size, out ulong updated) =>
        updated = baseAddress + PairOffset.Offset(word, size);
}
