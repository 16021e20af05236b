using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FAdd : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPAdd<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = op1 + op2;
        unsure = FpVector.UnsureSum<TVector, T>(result);
        return result;
    }
}

internal readonly struct FSub : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPSub<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = op1 - op2;
        unsure = FpVector.UnsureSum<TVector, T>(result);
        return result;
    }
}

internal readonly struct FMul : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMul<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = op1 * op2;
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op2);
        return result;
    }
}

internal readonly struct FMulx : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMulX<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        FMul.Vector<TVector, T>(op1, op2, out unsure); // they differ where the product is unsure
}

internal readonly struct FNMul : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPNeg<TFormat>(FPMul<TFormat>(op1, op2, ref context));

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged =>
        FpVector.Negate<TVector, T>(FMul.Vector<TVector, T>(op1, op2, out unsure));
}

internal readonly struct FDiv : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPDiv<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        // A zero dividend needs no care, but a zero quotient of anything else is an underflow.
        var result = op1 / op2;
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op1);
        return result;
    }
}

internal readonly struct FMax : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMax<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Max(op1, op2);
    }
}

internal readonly struct FMin : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMin<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Min(op1, op2);
    }
}

internal readonly struct FMaxNm : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMaxNum<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Max(op1, op2);
    }
}

internal readonly struct FMinNm : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPMinNum<TFormat>(op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = FpVector.AreUnordered<TVector, T>(op1, op2);
        return TVector.Min(op1, op2);
    }
}

internal readonly struct FAbd : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPAbs<TFormat>(FPSub<TFormat>(op1, op2, ref context));

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = op1 - op2;
        unsure = FpVector.UnsureSum<TVector, T>(result);
        return result & ~FpVector.SignBits<TVector, T>();
    }
}

internal readonly struct FRecps : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRecipStepFused<TFormat>(op1, op2, ref context);
}

internal readonly struct FRsqrts : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRSqrtStepFused<TFormat>(op1, op2, ref context);
}

internal readonly struct FScale : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPScale<TFormat>(op1, op2, ref context);
}

/// <summary>The operation with its operands exchanged (FSUBR, FDIVR).</summary>
internal readonly struct FReversed<TOp> : IFpBinary where TOp : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        TOp.Apply<TFormat>(op2, op1, ref context);

    public static FpVectorForm Form => TOp.Form;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        return TOp.Vector<TVector, T>(op2, op1, out unsure);
    }
}
