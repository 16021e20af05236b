using System.Numerics;

namespace CloudVm.Hypervisor.Execute.Elements;

// Loops over pairs of adjacent elements. A pair of D depends on the same pairs of the operands alone, so D may be one of them.

/// <summary>
/// One element of each pair of D = op(N's, the other one of M's): EORBT, and with <see cref="Lanes.Shift"/> 1, EORTB. The other
/// element of D stays.
/// </summary>
internal readonly unsafe struct CrossLoop<TOp> : IIntLoop where TOp : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = lanes.Shift; i < lanes.Bytes / sizeof(T); i += 2)
            ((T*)lanes.D)[i] = TOp.Apply(((T*)lanes.N)[i], ((T*)lanes.M)[i ^ 1], ref lanes.Saturated);
    }
}

/// <summary>Pairs of D = N + M × i: a rotation of 90 degrees, or 270 when <see cref="Lanes.Shift"/> is 1.</summary>
internal readonly unsafe struct ComplexAddLoop<TAdd, TSub> : IIntLoop
    where TAdd : struct, IIntBinary
    where TSub : struct, IIntBinary
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        for (var i = 0; i < lanes.Bytes / sizeof(T); i += 2)
        {
            var (real, imaginary) = (((T*)lanes.N)[i], ((T*)lanes.N)[i + 1]);
            var (toImaginary, toReal) = (((T*)lanes.M)[i], ((T*)lanes.M)[i + 1]);
            var turned = lanes.Shift == 1;
            ((T*)lanes.D)[i] = turned ? TAdd.Apply(real, toReal, ref lanes.Saturated) : TSub.Apply(real, toReal, ref lanes.Saturated);
            ((T*)lanes.D)[i + 1] = turned
                ? TSub.Apply(imaginary, toImaginary, ref lanes.Saturated)
                : TAdd.Apply(imaginary, toImaginary, ref lanes.Saturated);
        }
    }
}

/// <summary>
/// The lower element of each pair of D += an element of N's, the lower or with <see cref="Lanes.Shift"/> 1 the upper one, and the carry
/// in the lowest bit of M's upper element; the upper element of D is the carry out. N is first exclusive-ored with the immediate,
/// which makes it a subtraction.
/// </summary>
internal readonly unsafe struct AddCarryLoop : IIntLoop
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        var inversion = T.CreateTruncating(lanes.Immediate);
        for (var i = 0; i < lanes.Bytes / sizeof(T); i += 2)
        {
            var addend = ((T*)lanes.D)[i];
            var partial = addend + (((T*)lanes.N)[i + lanes.Shift] ^ inversion);
            var sum = partial + (((T*)lanes.M)[i + 1] & T.One);
            ((T*)lanes.D)[i] = sum;
            ((T*)lanes.D)[i + 1] = partial < addend || sum < partial ? T.One : T.Zero;
        }
    }
}
