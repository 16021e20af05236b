using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Condition flags, held in bits 31:28 as in PSTATE and NZCV.</summary>
internal static class Flags
{
    // For each condition one bit per value of NZCV that satisfies it, so that testing is one shift.
    private static ReadOnlySpan<ushort> Satisfied =>
    [
        0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0x00ff, 0xaaaa, 0x5555,
        0x0c0c, 0xf3f3, 0xaa55, 0x55aa, 0x0a05, 0xf5fa, 0xffff, 0xffff,
    ];

    /// <summary>The values of NZCV that satisfy a condition, as one bit each.</summary>
    public static ushort SatisfiedBy(uint condition) => Satisfied[(int)condition];

    /// <summary>1 if <paramref name="nzcv"/> is among the values that <see cref="SatisfiedBy"/> gave, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Holds(ushort satisfiedBy, uint nzcv) => (uint)satisfiedBy >> (int)(nzcv >> 28) & 1;

    /// <summary>Pseudocode ConditionHolds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool ConditionHolds(uint condition, uint nzcv) => Holds(Satisfied[(int)condition], nzcv) != 0;

    /// <summary>Result of pseudocode AddWithCarry on 64 bits; <paramref name="nzcv"/> in PSTATE position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong AddWithCarry(ulong x, ulong y, uint carry, out uint nzcv)
    {
        var result = x + y + carry;
        var carryOut = carry == 0 ? result < x : result <= x;
        var overflow = ((x ^ result) & (y ^ result)) >> 63;
        nzcv = ((uint)(result >> 32) & PState.N) | ZeroFlag(result == 0) | ((uint)Unsafe.BitCast<bool, byte>(carryOut) << 29) | ((uint)overflow << 28);
        return result;
    }

    /// <summary>Result of pseudocode AddWithCarry on 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint AddWithCarry(uint x, uint y, uint carry, out uint nzcv)
    {
        var wide = (ulong)x + y + carry;
        var result = (uint)wide;
        nzcv = (result & PState.N) | ZeroFlag(result == 0) | ((uint)(wide >> 32) << 29) | ((((x ^ result) & (y ^ result)) >> 31) << 28);
        return result;
    }

    /// <summary>Flags of a logical operation: C and V are clear.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Logical(ulong result) => ((uint)(result >> 32) & PState.N) | ZeroFlag(result == 0);

    /// <summary>Flags of a 32-bit logical operation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Logical(uint result) => (result & PState.N) | ZeroFlag(result == 0);

    // Without a branch: flags of real code are as good as random.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ZeroFlag(bool isZero) => (uint)Unsafe.BitCast<bool, byte>(isZero) << 30;
}
