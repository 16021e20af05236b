using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FMulAdd : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(addend, op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector addend, TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = TVector.FusedMultiplyAdd(op1, op2, addend);
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op2);
        return result;
    }
}

internal readonly struct FMulSub : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(addend, FPNeg<TFormat>(op1), op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector addend, TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = TVector.FusedMultiplyAdd(FpVector.Negate<TVector, T>(op1), op2, addend);
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op2);
        return result;
    }
}

internal readonly struct FNegMulAdd : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(FPNeg<TFormat>(addend), FPNeg<TFormat>(op1), op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector addend, TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = TVector.FusedMultiplyAdd(FpVector.Negate<TVector, T>(op1), op2, FpVector.Negate<TVector, T>(addend));
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op2);
        return result;
    }
}

internal readonly struct FNegMulSub : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(FPNeg<TFormat>(addend), op1, op2, ref context);

    public static FpVectorForm Form => FpVectorForm.Rounding;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Vector<TVector, T>(TVector addend, TVector op1, TVector op2, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var result = TVector.FusedMultiplyAdd(op1, op2, FpVector.Negate<TVector, T>(addend));
        unsure = FpVector.UnsureProduct<TVector, T>(result, op1, op2);
        return result;
    }
}
