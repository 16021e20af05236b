using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>Pairs of D = N + M × ±i: a rotation of 90 degrees, or 270 when <see cref="Lanes.Shift"/> is 1.</summary>
internal readonly unsafe struct FpComplexAddLoop : IFpLoop
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var bytes = TFormat.Width / 8;
        for (var i = 0; i < lanes.Bytes / bytes; i += 2)
        {
            var real = LoadElement<TFormat>(lanes.N, i);
            var imaginary = LoadElement<TFormat>(lanes.N, i + 1);
            var toImaginary = LoadElement<TFormat>(lanes.M, i);
            var toReal = LoadElement<TFormat>(lanes.M, i + 1);
            if (lanes.Shift == 0)
                toReal = FPNeg<TFormat>(toReal);
            else
                toImaginary = FPNeg<TFormat>(toImaginary);
            if (lanes.IsActive(i * bytes))
                StoreElement<TFormat>(lanes.D, i, FPAdd<TFormat>(real, toReal, ref context));
            if (lanes.IsActive((i + 1) * bytes))
                StoreElement<TFormat>(lanes.D, i + 1, FPAdd<TFormat>(imaginary, toImaginary, ref context));
        }
    }
}

/// <summary>Pairs of D = D + N × M, half a complex product rotated by <see cref="Lanes.Shift"/> × 90 degrees.</summary>
internal readonly unsafe struct FpComplexMultiplyAddLoop : IFpLoop
{
    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var bytes = TFormat.Width / 8;
        for (var i = 0; i < lanes.Bytes / bytes; i += 2)
        {
            // Even rotations use the real part of N, odd ones the imaginary; they also exchange the parts of M.
            var odd = lanes.Shift & 1;
            var factor = LoadElement<TFormat>(lanes.N, i + odd);
            var toReal = LoadElement<TFormat>(lanes.M, i + odd);
            var toImaginary = LoadElement<TFormat>(lanes.M, i + (odd ^ 1));
            if (lanes.Shift is 1 or 2)
                toReal = FPNeg<TFormat>(toReal);
            if (lanes.Shift is 2 or 3)
                toImaginary = FPNeg<TFormat>(toImaginary);
            if (lanes.IsActive(i * bytes))
                StoreElement<TFormat>(lanes.D, i, FPMulAdd<TFormat>(LoadElement<TFormat>(lanes.D, i), factor, toReal, ref context));
            if (lanes.IsActive((i + 1) * bytes))
            {
                var sum = FPMulAdd<TFormat>(LoadElement<TFormat>(lanes.D, i + 1), factor, toImaginary, ref context);
                StoreElement<TFormat>(lanes.D, i + 1, sum);
            }
        }
    }
}
