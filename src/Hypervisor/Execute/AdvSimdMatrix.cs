using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD matrix multiplication, BFloat16, and products of half precision that widen to single.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>SMMLA, UMMLA, USMMLA Vd.4S, Vn.16B, Vm.16B.</summary>
    internal static StepResult AsimdIntegerMatrix<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        IntegerMatrix<TOp>.Run(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    internal static StepResult BFDOT_asimdsame2_D(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        lanes.Shift = -1;
        BFloat16Loops.Dot(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    internal static StepResult BFDOT_asimdelem_E(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        c.DecodeElement(w, 2, out lanes.M, out lanes.Shift);
        BFloat16Loops.Dot(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    internal static StepResult BFMMLA_asimdsame2_E(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 2);
        BFloat16Loops.Matrix(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    /// <summary>BFMLALB, BFMLALT Vd.4S, Vn.8H, Vm.8H: the even (B) or odd (T, Q set) elements.</summary>
    internal static StepResult AsimdBFloat16Long(Interpreter c, uint w) => c.BFloat16Long(w, c.Z(Rm(w)), -1);

    /// <summary>BFMLALB, BFMLALT Vd.4S, Vn.8H, Vm.H[index].</summary>
    internal static StepResult AsimdBFloat16LongIndexed(Interpreter c, uint w)
    {
        c.DecodeElement(w, 1, out var m, out var index);
        return c.BFloat16Long(w, m, index);
    }

    private StepResult BFloat16Long(uint w, byte* m, int index)
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var odd = (int)(w >> 30) & 1;
        var fixedElement = index < 0 ? 0u : ((ushort*)m)[index];
        var d = (uint*)Z(Rd(w));
        var n = (ushort*)Z(Rn(w));
        for (var i = 0; i < 4; i++)
        {
            var factor = index < 0 ? ((ushort*)m)[(2 * i) + odd] : fixedElement;
            d[i] = (uint)BFMulAddH(d[i], n[(2 * i) + odd], factor, ref context);
        }

        EndFp(context);
        ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    /// <summary>BFCVTN, BFCVTN2: singles to BFloat16, into the lower or (Q) the upper half.</summary>
    internal static StepResult BFCVTN_asimdmisc_4S(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var result = stackalloc ushort[4];
        for (var i = 0; i < 4; i++)
            result[i] = (ushort)FPConvertBF(((uint*)c.Z(Rn(w)))[i], ref context);
        c.EndFp(context);
        return c.FinishNarrow(w, (byte*)result, default);
    }

    internal static StepResult BFCVT_BS_floatdp1(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var context = c.BeginFp();
        c.SetScalar<Binary16>(Rd(w), FPConvertBF(c.Scalar<Binary32>(Rn(w)), ref context));
        c.EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FMLAL, FMLSL Vd, Vn, Vm of the lower halves; FMLAL2, FMLSL2 (bit 29) of the upper.</summary>
    internal static StepResult AsimdFmlal(Interpreter c, uint w) => c.HalfLong(w, upper: (w >> 29 & 1) != 0, subtract: (w >> 23 & 1) != 0, c.Z(Rm(w)), -1);

    /// <summary>FMLAL, FMLSL, FMLAL2, FMLSL2 Vd, Vn, Vm.H[index].</summary>
    internal static StepResult AsimdFmlalIndexed(Interpreter c, uint w)
    {
        c.DecodeElement(w, 1, out var m, out var index);
        return c.HalfLong(w, upper: (w >> 29 & 1) != 0, subtract: (w >> 14 & 1) != 0, m, index);
    }

    private StepResult HalfLong(uint w, bool upper, bool subtract, byte* m, int index)
    {
        if (!CheckFp(out var trapped))
            return trapped;
        var context = BeginFp();
        var count = VectorBytes(w, 2) / 4;
        var start = upper ? count : 0;
        var sign = subtract ? 0x8000u : 0;
        var result = stackalloc uint[4];
        var d = (uint*)Z(Rd(w));
        var n = (ushort*)Z(Rn(w));
        for (var i = 0; i < count; i++)
        {
            var factor = ((ushort*)m)[index < 0 ? start + i : index];
            result[i] = (uint)FPMulAddH(d[i], n[start + i] ^ sign, factor, ref context);
        }

        EndFp(context);
        Buffer.MemoryCopy(result, d, 16, count * 4);
        ZeroAbove(Rd(w), count * 4);
        return StepResult.Next;
    }

    /// <summary>FCMLA Vd, Vn, Vm[index], #rot × 90 (bits 14:13): the index counts complex numbers.</summary>
    internal static StepResult AsimdFcmlaIndexed<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        var half = TFormat.Width == 16;
        var h = (int)(w >> 11) & 1;
        var l = (int)(w >> 21) & 1;
        var full = (w >> 30 & 1) != 0;
        if (!full && (!half || h != 0))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var size = half ? 1 : 2;
        var pairBytes = 2 << size;
        var pair = half ? *(uint*)(c.Z(Rm(w)) + (((h << 1) | l) * 4)) : ((ulong*)c.Z(Rm(w)))[h];
        var repeated = stackalloc byte[16];
        for (var i = 0; i < 16; i += pairBytes)
        {
            if (half)
                *(uint*)(repeated + i) = (uint)pair;
            else
                *(ulong*)(repeated + i) = pair;
        }

        var lanes = c.AsimdLanes(w, size);
        lanes.M = repeated;
        lanes.Shift = (int)(w >> 13) & 3;
        return c.RunAsimdFp<FpComplexMultiplyAddLoop>(w, size, ref lanes);
    }
}
