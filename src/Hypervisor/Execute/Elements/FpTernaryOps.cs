using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FMulAdd : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(addend, op1, op2, ref context);
}

internal readonly struct FMulSub : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(addend, FPNeg<TFormat>(op1), op2, ref context);
}

internal readonly struct FNegMulAdd : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(FPNeg<TFormat>(addend), FPNeg<TFormat>(op1), op2, ref context);
}

internal readonly struct FNegMulSub : IFpTernary
{
    public static ulong Apply<TFormat>(ulong addend, ulong op1, ulong op2, ref FpContext context)
        where TFormat : struct, IFpFormat =>
        FPMulAdd<TFormat>(FPNeg<TFormat>(addend), op1, op2, ref context);
}
