using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FCmEq : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareEQ<TFormat>(op1, op2, ref context);
}

internal readonly struct FCmNe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        !FPCompareEQ<TFormat>(op1, op2, ref context);
}

internal readonly struct FCmGe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(op1, op2, ref context);
}

internal readonly struct FCmGt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(op1, op2, ref context);
}

internal readonly struct FCmLe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(op2, op1, ref context);
}

internal readonly struct FCmLt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(op2, op1, ref context);
}

internal readonly struct FCmUo : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompare<TFormat>(op1, op2, false, ref context) == 0x3000_0000;
}

internal readonly struct FAcGe : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGE<TFormat>(FPAbs<TFormat>(op1), FPAbs<TFormat>(op2), ref context);
}

internal readonly struct FAcGt : IFpCompare
{
    public static bool Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPCompareGT<TFormat>(FPAbs<TFormat>(op1), FPAbs<TFormat>(op2), ref context);
}
