using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Execute.Interpreter;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>Pairs of D = N + M × ±i: a rotation of 90 degrees, or 270 when <see cref="Lanes.Shift"/> is 1.</summary>
internal readonly unsafe struct FpComplexAddLoop : IFpLoop, IFpVectorBody
{
    public static int Step => 2;

    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpComplexAddLoop, TFormat>(FpVectorForm.Rounding, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var bytes = TFormat.Width / 8;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        // The sign to change is that of the element that receives the imaginary part, or of the other for 270 degrees.
        var negated = FpComplex.SignsOf<TVector, T>(even: lanes.Shift == 0, odd: lanes.Shift != 0);
        var result = TVector.Load(lanes.N + at) + (TVector.SwapPairs(TVector.Load(lanes.M + at)) ^ negated);
        unsure = FpVector.UnsureSum<TVector, T>(result);
        return result;
    }
}

/// <summary>Pairs of D = D + N × M, half a complex product rotated by <see cref="Lanes.Shift"/> × 90 degrees.</summary>
internal readonly unsafe struct FpComplexMultiplyAddLoop : IFpLoop, IFpVectorBody
{
    public static int Step => 2;

    public static void Run<TFormat>(ref Lanes lanes, ref FpContext context) where TFormat : struct, IFpFormat =>
        HostVector.RunFp<FpComplexMultiplyAddLoop, TFormat>(FpVectorForm.Rounding, ref lanes, toPredicate: false, ref context);

    public static void Element<TFormat>(ref Lanes lanes, int i, ref FpContext context) where TFormat : struct, IFpFormat
    {
        var bytes = TFormat.Width / 8;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at, out TVector unsure)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        TVector n = TVector.Load(lanes.N + at), m = TVector.Load(lanes.M + at);
        var odd = (lanes.Shift & 1) != 0;
        var factor = odd ? TVector.RepeatOdd(n) : TVector.RepeatEven(n);
        var other = (odd ? TVector.SwapPairs(m) : m) ^ FpComplex.SignsOf<TVector, T>(even: lanes.Shift is 1 or 2, odd: lanes.Shift is 2 or 3);
        var result = TVector.FusedMultiplyAdd(factor, other, TVector.Load(lanes.D + at));
        unsure = FpVector.UnsureProduct<TVector, T>(result, factor, other);
        return result;
    }
}

/// <summary>What complex operations on host vectors share.</summary>
file static class FpComplex
{
    /// <summary>The sign bit in the even or odd elements, or both, or neither.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector SignsOf<TVector, T>(bool even, bool odd)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged
    {
        var all = FpVector.SignBits<TVector, T>();
        var odds = all & TVector.OddElements();
        return (even ? all ^ odds : TVector.CreateBits(0)) | (odd ? odds : TVector.CreateBits(0));
    }
}
