using System.Numerics;

namespace CloudVm.Hypervisor.Fp;

public static partial class SoftFloat
{
    /// <summary>FPMulAddH: addend + op1 × op2 in single precision, rounded once, of a single and two half-precision numbers.</summary>
    public static ulong FPMulAddH(ulong addend, ulong op1, ulong op2, ref FpContext context) =>
        FPMulAdd<Binary32>(addend, WidenHalf(op1, context.FlushToZero16), WidenHalf(op2, context.FlushToZero16), ref context);

    /// <summary>
    /// BFMulAddH: addend + op1 × op2 in single precision, rounded once, where op1 and op2 are BFloat16.
    /// </summary>
    public static ulong BFMulAddH(ulong addend, ulong op1, ulong op2, ref FpContext context) =>
        FPMulAdd<Binary32>(addend, op1 << 16, op2 << 16, ref context);

    /// <summary>The single that a half is, raising nothing: a signalling NaN stays one, so that FPMulAdd sees it (FPProcessNaNs3H).</summary>
    private static ulong WidenHalf(ulong half, bool flush)
    {
        var sign = (half & 0x8000) << 16;
        var biased = (int)(half >> 10) & 0x1f;
        var fraction = half & 0x3ff;
        switch (biased)
        {
            case 0x1f:
                return sign | 0x7f80_0000 | (fraction << 13);
            case 0 when fraction == 0 || flush:
                return sign;
            case 0:
                // fraction × 2^-24, whose highest bit becomes the implicit one.
                var top = BitOperations.Log2(fraction);
                return sign | ((ulong)(127 - 24 + top) << 23) | ((fraction << (23 - top)) & 0x7f_ffff);
            default:
                return sign | ((ulong)(biased - 15 + 127) << 23) | (fraction << 13);
        }
    }
}
