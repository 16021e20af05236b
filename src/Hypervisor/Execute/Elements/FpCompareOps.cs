using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FCmEq : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareEQ<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Equal(op1, op2);
    }
}

internal readonly struct FCmNe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        !FPCompareEQ<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return ~TVector.Equal(op1, op2);
    }
}

internal readonly struct FCmGe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.GreaterOrEqual(op1, op2);
    }
}

internal readonly struct FCmGt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Greater(op1, op2);
    }
}

internal readonly struct FCmLe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(op2, op1, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.GreaterOrEqual(op2, op1);
    }
}

internal readonly struct FCmLt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(op2, op1, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Greater(op2, op1);
    }
}

internal readonly struct FCmUo : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompare<TFormat>(op1, op2, false, ref context) == 0x3000_0000;

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.CreateBits(0);
    }
}

internal readonly struct FAcGe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(FPAbs<TFormat>(op1), FPAbs<TFormat>(op2), ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.GreaterOrEqual(op1 & ~FpVector.SignBits<TVector, T>(), op2 & ~FpVector.SignBits<TVector, T>());
    }
}

internal readonly struct FAcGt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(FPAbs<TFormat>(op1), FPAbs<TFormat>(op2), ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Greater(op1 & ~FpVector.SignBits<TVector, T>(), op2 & ~FpVector.SignBits<TVector, T>());
    }
}
