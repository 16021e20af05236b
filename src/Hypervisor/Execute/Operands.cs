using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Operand fields that keep one position throughout A64, for semantics methods that serve several rows. A field that moves between
/// encodings is read through the row's own accessor in <see cref="Isa.Fields"/>.
/// </summary>
internal static class Operands
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rd(uint word) => word & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rt(uint word) => word & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rn(uint word) => (word >> 5) & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rm(uint word) => (word >> 16) & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rs(uint word) => (word >> 16) & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Ra(uint word) => (word >> 10) & 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Rt2(uint word) => (word >> 10) & 31;

    /// <summary>Condition of CSEL, CCMP and their like.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Condition(uint word) => (word >> 12) & 15;

    /// <summary>Shift amount of shifted registers; imms of bitfields and extracts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Imm6(uint word) => (int)(word >> 10) & 63;

    /// <summary>Signed offset of unscaled, pre- and post-indexed loads and stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Imm9(uint word) => (ulong)((long)((ulong)word << 43) >> 55);

    /// <summary>Byte offset of a conditional branch, compare-and-branch or literal load.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Imm19Offset(uint word) => (ulong)((long)(int)(word << 8) >> 13 << 2);
}

/// <summary>Arithmetic on registers of 32 or 64 bits, chosen by <c>uint</c> or <c>ulong</c> as type argument at JIT time.</summary>
internal static class Width
{
    /// <summary>The value as a register of this width holds it, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Truncate<T>(ulong value) => typeof(T) == typeof(uint) ? (uint)value : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Bits<T>() => typeof(T) == typeof(uint) ? 32 : 64;

    /// <summary>Pseudocode AddWithCarry at this width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong AddWithCarry<T>(ulong x, ulong y, uint carry, out uint nzcv) => typeof(T) == typeof(uint)
        ? Flags.AddWithCarry((uint)x, (uint)y, carry, out nzcv)
        : Flags.AddWithCarry(x, y, carry, out nzcv);

    /// <summary>Pseudocode ShiftReg: LSL, LSR, ASR or ROR of a register by an amount below its width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Shift<T>(ulong value, uint type, int amount)
    {
        if (typeof(T) == typeof(uint))
        {
            var narrow = (uint)value;
            return type switch
            {
                0 => narrow << amount,
                1 => narrow >> amount,
                2 => (uint)((int)narrow >> amount),
                _ => uint.RotateRight(narrow, amount),
            };
        }

        return type switch
        {
            0 => value << amount,
            1 => value >> amount,
            2 => (ulong)((long)value >> amount),
            _ => ulong.RotateRight(value, amount),
        };
    }

    /// <summary>Pseudocode ExtendReg: the low byte, halfword, word or doubleword, zero- or sign-extended, shifted left.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Extend(ulong value, uint option, int shift)
    {
        var extended = option switch
        {
            0 => (byte)value,
            1 => (ushort)value,
            2 => (uint)value,
            4 => (ulong)(sbyte)value,
            5 => (ulong)(short)value,
            6 => (ulong)(int)value,
            _ => value,
        };
        return extended << shift;
    }
}
