using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FMove : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        op;

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = TVector.CreateBits(0);
        return op;
    }
}

internal readonly struct FAbs : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPAbs<TFormat>(op);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = TVector.CreateBits(0);
        return op & ~FpVector.SignBits<TVector, T>();
    }
}

internal readonly struct FNeg : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPNeg<TFormat>(op);

    public static FpVectorForm Form => FpVectorForm.Exact;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        unsure = TVector.CreateBits(0);
        return FpVector.Negate<TVector, T>(op);
    }
}

internal readonly struct FSqrt : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPSqrt<TFormat>(op, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector op, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = TVector.SquareRoot(op);
        unsure = FpVector.UnsureSum<TVector, T>(result);
        return result;
    }
}

internal readonly struct FRintN : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, FPRounding.TieEven, exact: false, ref context);
}

internal readonly struct FRintP : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, FPRounding.PosInf, exact: false, ref context);
}

internal readonly struct FRintM : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, FPRounding.NegInf, exact: false, ref context);
}

internal readonly struct FRintZ : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, FPRounding.Zero, exact: false, ref context);
}

internal readonly struct FRintA : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, FPRounding.TieAway, exact: false, ref context);
}

internal readonly struct FRintX : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, context.Rounding, exact: true, ref context);
}

internal readonly struct FRintI : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundInt<TFormat>(op, context.Rounding, exact: false, ref context);
}

internal readonly struct FRint32Z : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundIntN<TFormat>(op, FPRounding.Zero, 32, ref context);
}

internal readonly struct FRint32X : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundIntN<TFormat>(op, context.Rounding, 32, ref context);
}

internal readonly struct FRint64Z : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundIntN<TFormat>(op, FPRounding.Zero, 64, ref context);
}

internal readonly struct FRint64X : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRoundIntN<TFormat>(op, context.Rounding, 64, ref context);
}

internal readonly struct FRecpe : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRecipEstimate<TFormat>(op, ref context);
}

internal readonly struct FRsqrte : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRSqrtEstimate<TFormat>(op, ref context);
}

internal readonly struct FRecpx : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPRecpX<TFormat>(op, ref context);
}

/// <summary>The result is an integer.</summary>
internal readonly struct FLogB : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPLogB<TFormat>(op, ref context);
}
