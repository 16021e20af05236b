using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>Whether and under which conditions a floating-point operation has a vector form.</summary>
internal enum FpVectorForm
{
    None,

    /// <summary>The operation rounds: usable when rounding to nearest and IXC is already set, since the host's flags cannot be read.</summary>
    Rounding,

    /// <summary>The operation is exact whatever the rounding is, and raises nothing but for NaNs.</summary>
    Exact,
}

/// <summary>
/// What floating-point operations on host vectors share. Host arithmetic is Arm's when nothing is flushed to zero, no NaN is involved, and
/// a rounded result neither overflows nor underflows; whatever else happens shows in the result.
/// </summary>
internal static class FpVector
{
    private const uint RoundingMask = 3u << 22;

    /// <summary>Whether loops over this format may use an operation's vector form.</summary>
    public static bool IsUsable<TFormat>(FpVectorForm form, int bytes, in FpContext context) where TFormat : struct, IFpFormat =>
        form != FpVectorForm.None && TFormat.Width != 16 && HostVector.Holds(bytes) && !context.FlushToZero
        && (form == FpVectorForm.Exact || ((context.Fpcr & RoundingMask) == 0 && (context.Fpsr & FpContext.Inexact) != 0));

    /// <summary>
    /// Elements that are zero, infinite, NaN or so small that they may come from a result that was tiny before rounding: a biased exponent
    /// of 1 may have been rounded up.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector OutOfRange<TVector, T>(TVector value)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var magnitude = value & ~SignBits<TVector, T>();
        var smallest = Unsafe.SizeOf<T>() == 4 ? 2ul << 23 : 2ul << 52;
        var largest = Unsafe.SizeOf<T>() == 4 ? 0x7f7f_fffful : 0x7fef_ffff_ffff_fffful;
        return ~(TVector.GreaterOrEqual(magnitude, TVector.CreateBits(smallest)) & TVector.GreaterOrEqual(TVector.CreateBits(largest), magnitude));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector IsZero<TVector, T>(TVector value)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => TVector.Equal(value, TVector.CreateBits(0));

    /// <summary>Elements where either operand is a NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector AreUnordered<TVector, T>(TVector a, TVector b)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => ~(TVector.Equal(a, a) & TVector.Equal(b, b));

    /// <summary>A sum: an exact zero is as sure as what is in range, because a sum of numbers cannot vanish by underflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector UnsureSum<TVector, T>(TVector sum)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => OutOfRange<TVector, T>(sum) & ~IsZero<TVector, T>(sum);

    /// <summary>A product, or one with something added: a zero is sure only when a factor was zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector UnsureProduct<TVector, T>(TVector result, TVector factor, TVector other)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        OutOfRange<TVector, T>(result) & ~(IsZero<TVector, T>(result) & (IsZero<TVector, T>(factor) | IsZero<TVector, T>(other)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Negate<TVector, T>(TVector value)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => value ^ SignBits<TVector, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector SignBits<TVector, T>()
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged => TVector.CreateBits(1ul << ((8 * Unsafe.SizeOf<T>()) - 1));
}
