using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Access to V, Z, P and FFR for the vector groups' semantics.</summary>
public sealed unsafe partial class Interpreter
{
    // The operand fields that nearly all vector encodings share. Shapes used by many rows read them here; a row whose
    // operands lie elsewhere uses its generated accessors.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Rd(uint w) => w & 0x1F;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Rn(uint w) => (w >> 5) & 0x1F;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Rm(uint w) => (w >> 16) & 0x1F;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Ra(uint w) => (w >> 10) & 0x1F;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SizeField(uint w) => (int)((w >> 22) & 3);

    /// <summary>A format's size as a size field would give it.</summary>
    private static int FormatSize<TFormat>() where TFormat : struct, IFpFormat => System.Numerics.BitOperations.Log2((uint)TFormat.Width) - 3;

    /// <summary>Zn; Vn is its low 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* Z(uint n) => Cpu->Z + ((nint)n * CpuState.ZStride);

    /// <summary>Pn, with 16 for FFR.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* P(uint n) => Cpu->P + ((nint)n * CpuState.PStride);

    /// <summary>A write to the low <paramref name="kept"/> bytes of Zn, 16 at most, leaves the rest of the register zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ZeroAbove(uint n, int kept)
    {
        var z = Z(n);
        if (kept < 16)
        {
            if (kept < 8)
                *(ulong*)z &= (1ul << (8 * kept)) - 1;
            ((ulong*)z)[1] = 0;
        }

        for (var at = 16; at < _writtenBytes; at += 16)
            Vector128<byte>.Zero.Store(z + at);
    }

    /// <summary>The lowest element of Vn as raw bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong Scalar<TFormat>(uint n) where TFormat : struct, IFpFormat => LoadElement<TFormat>(Z(n), 0);

    /// <summary>Writes a scalar register: the element, and zero above it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetScalar<TFormat>(uint n, ulong value) where TFormat : struct, IFpFormat
    {
        *(ulong*)Z(n) = TFormat.Width == 64 ? value : value & ((1ul << TFormat.Width) - 1);
        ZeroAbove(n, 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong LoadElement<TFormat>(byte* register, int index) where TFormat : struct, IFpFormat => TFormat.Width switch
    {
        16 => ((ushort*)register)[index],
        32 => ((uint*)register)[index],
        _ => ((ulong*)register)[index],
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void StoreElement<TFormat>(byte* register, int index, ulong value) where TFormat : struct, IFpFormat
    {
        if (TFormat.Width == 16)
            ((ushort*)register)[index] = (ushort)value;
        else if (TFormat.Width == 32)
            ((uint*)register)[index] = (uint)value;
        else
            ((ulong*)register)[index] = value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private FpContext BeginFp() => new(Cpu->Fpcr, Cpu->Fpsr);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void EndFp(in FpContext context) => Cpu->Fpsr = context.Fpsr;

    /// <summary>Whether the element at a byte offset is active: the predicate's bit for the element's lowest byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsActive(byte* predicate, int byteOffset) => ((predicate[byteOffset >> 3] >> (byteOffset & 7)) & 1) != 0;
}
