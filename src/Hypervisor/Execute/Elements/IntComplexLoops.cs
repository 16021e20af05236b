using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// Pairs of D = D + N × M, half a complex product rotated by <see cref="Lanes.Shift"/> × 90 degrees. <typeparamref name="TAdd"/>
/// adds a product and <typeparamref name="TSub"/> subtracts it.
/// </summary>
internal readonly unsafe struct IntComplexMultiplyAddLoop<TAdd, TSub> : IIntLoop
    where TAdd : struct, IIntTernary
    where TSub : struct, IIntTernary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        // Even rotations use the real part of N, odd ones the imaginary; they also exchange the parts of M.
        var odd = lanes.Shift & 1;
        var subtractReal = lanes.Shift is 1 or 2;
        var subtractImaginary = lanes.Shift is 2 or 3;
        for (var i = 0; i < lanes.Bytes; i += 2 * sizeof(T))
        {
            var d = (T*)(lanes.D + i);
            var factor = ((T*)(lanes.N + i))[odd];
            var toReal = ((T*)(lanes.M + i))[odd];
            var toImaginary = ((T*)(lanes.M + i))[odd ^ 1];
            d[0] = Accumulate(d[0], factor, toReal, subtractReal, ref lanes.Saturated);
            d[1] = Accumulate(d[1], factor, toImaginary, subtractImaginary, ref lanes.Saturated);
        }
    }

    private static T Accumulate<T>(T d, T a, T b, bool subtract, ref bool saturated)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        subtract ? TSub.Apply(d, a, b, ref saturated) : TAdd.Apply(d, a, b, ref saturated);
}

/// <summary>
/// D += the real (even rotation) or imaginary (odd) parts of the products of two complex numbers of quarter-width parts, those of M
/// conjugated or not: <see cref="Lanes.Shift"/> is the rotation by 90 degrees.
/// </summary>
internal readonly unsafe struct ComplexDotLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var odd = lanes.Shift & 1;
        var subtract = lanes.Shift is 0 or 3;
        for (var i = 0; i < lanes.Bytes; i += sizeof(T))
        {
            var sum = 0L;
            for (var part = 0; part < 4; part += 2)
            {
                var real = Quarter<T>(lanes.N + i, part) * Quarter<T>(lanes.M + i, part + odd);
                var imaginary = Quarter<T>(lanes.N + i, part + 1) * Quarter<T>(lanes.M + i, part + (odd ^ 1));
                sum += subtract ? real - imaginary : real + imaginary;
            }

            *(T*)(lanes.D + i) += T.CreateTruncating(sum);
        }
    }

    private static long Quarter<T>(byte* at, int index) where T : unmanaged => sizeof(T) == 8 ? ((short*)at)[index] : ((sbyte*)at)[index];
}
