using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

internal readonly struct FExpA : IFpUnary
{
    public static ulong Apply<TFormat>(ulong op, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPExpA<TFormat>(op);
}

internal readonly struct FTSSel : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPTrigSSel<TFormat>(op1, op2);
}

internal readonly struct FTSMul : IFpBinary
{
    public static ulong Apply<TFormat>(ulong op1, ulong op2, ref FpContext context) where TFormat : struct, IFpFormat =>
        FPTrigSMul<TFormat>(op1, op2, ref context);
}

/// <summary>Elements of FTMAD; the coefficient's number is in <see cref="Lanes.Shift"/>.</summary>
internal readonly unsafe struct FpTrigMultiplyAddLoop : IFpLoop
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var count = lanes.Bytes * 8 / TFormat.Width;
        for (var i = 0; i < count; i++)
        {
            var sum = FPTrigMAdd<TFormat>(lanes.Shift, LoadElement<TFormat>(lanes.N, i), LoadElement<TFormat>(lanes.M, i), ref context);
            StoreElement<TFormat>(lanes.D, i, sum);
        }
    }
}
