using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>A fused multiply-add into single precision of two 16-bit numbers.</summary>
internal interface IFpLong
{
    static abstract ulong Apply(ulong addend, ulong op1, ulong op2, ref FpContext context);
}

internal readonly struct FMulAddH : IFpLong
{
    public static ulong Apply(ulong addend, ulong op1, ulong op2, ref FpContext context) => FPMulAddH(addend, op1, op2, ref context);
}

internal readonly struct FMulSubH : IFpLong
{
    public static ulong Apply(ulong addend, ulong op1, ulong op2, ref FpContext context) =>
        FPMulAddH(addend, FPNeg<Binary16>(op1), op2, ref context);
}

internal readonly struct BFMulAddLong : IFpLong
{
    public static ulong Apply(ulong addend, ulong op1, ulong op2, ref FpContext context) => BFMulAddH(addend, op1, op2, ref context);
}

/// <summary>Singles of D = op(D, N, M), N and M pointing to the first of every two 16-bit elements that take part.</summary>
internal static unsafe class FpAlternateLongLoop<TOp> where TOp : struct, IFpLong
{
    public static void Run(ref Lanes lanes, ref FpContext context)
    {
        for (var i = 0; i < lanes.Bytes; i += 4)
        {
            var d = (uint*)(lanes.D + i);
            *d = (uint)TOp.Apply(*d, *(ushort*)(lanes.N + i), *(ushort*)(lanes.M + i), ref context);
        }
    }
}

/// <summary>FPMatMulAdd: products of 2×2 matrices, one in each segment of four elements, added to D's.</summary>
internal readonly unsafe struct FpMatrixLoop : IFpLoop
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var sums = stackalloc ulong[4];
        for (var segment = 0; segment < lanes.Bytes; segment += TFormat.Width / 2)
        {
            var n = lanes.N + segment;
            var m = lanes.M + segment;
            var d = lanes.D + segment;
            for (var i = 0; i < 4; i++)
            {
                var row = i & 2;
                var column = 2 * (i & 1);
                var first = FPMul<TFormat>(LoadElement<TFormat>(n, row), LoadElement<TFormat>(m, column), ref context);
                var second = FPMul<TFormat>(LoadElement<TFormat>(n, row + 1), LoadElement<TFormat>(m, column + 1), ref context);
                var products = FPAdd<TFormat>(first, second, ref context);
                sums[i] = FPAdd<TFormat>(LoadElement<TFormat>(d, i), products, ref context);
            }

            for (var i = 0; i < 4; i++)
                StoreElement<TFormat>(d, i, sums[i]);
        }
    }
}
