using System.Numerics;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD integer instructions. Scalar forms are vectors of one element.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Bytes that an AdvSIMD instruction processes: Q (bit 30) chooses, and a scalar form (bit 28) has one element.</summary>
    private static int VectorBytes(uint w, int elementSize) => (w >> 28 & 1) != 0 ? 1 << elementSize : (w >> 30 & 1) != 0 ? 16 : 8;

    /// <summary>A vector of one 64-bit element in 64 bits exists as a scalar form only.</summary>
    private static bool IsReserved(uint w, int elementSize) => elementSize == 3 && (w >> 28 & 1) == 0 && (w >> 30 & 1) == 0;

    private StepResult FinishAsimd(uint w, in Lanes lanes)
    {
        if (lanes.Saturated)
            Cpu->Fpsr |= FpContext.Saturation;
        ZeroAbove(Rd(w), lanes.Bytes);
        return StepResult.Next;
    }

    private StepResult RunAsimd<TLoop>(uint w, int size, bool signed, ref Lanes lanes) where TLoop : struct, IIntLoop
    {
        LaneDispatch.Run<TLoop>(size, signed, ref lanes);
        return FinishAsimd(w, lanes);
    }

    private Lanes AsimdLanes(uint w, int size) => new()
    {
        D = Z(Rd(w)),
        A = Z(Rd(w)),
        N = Z(Rn(w)),
        M = Z(Rm(w)),
        Bytes = VectorBytes(w, size),
    };

    /// <summary>op Vd, Vn, Vm.</summary>
    internal static StepResult AsimdBinary<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        return c.RunAsimd<BinaryLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>op Vd, Vn, Vm where Vd is an operand too.</summary>
    internal static StepResult AsimdTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        return c.RunAsimd<TernaryLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>Bitwise op Vd, Vn, Vm; the size field is part of the opcode.</summary>
    internal static StepResult AsimdBitwise<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 3);
        return c.RunAsimd<BinaryLoop<TOp>>(w, 3, false, ref lanes);
    }

    /// <summary>BSL, BIT, BIF.</summary>
    internal static StepResult AsimdBitwiseTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 3);
        return c.RunAsimd<TernaryLoop<TOp>>(w, 3, false, ref lanes);
    }

    /// <summary>CMcc Vd, Vn, Vm.</summary>
    internal static StepResult AsimdCompare<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        return c.RunAsimd<CompareMaskLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>CMcc Vd, Vn, #0.</summary>
    internal static StepResult AsimdCompareZero<TOp>(Interpreter c, uint w) where TOp : struct, IIntCompare
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        lanes.M = null;
        return c.RunAsimd<CompareMaskLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>op Vd, Vn.</summary>
    internal static StepResult AsimdUnary<TOp>(Interpreter c, uint w) where TOp : struct, IIntUnary
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        return c.RunAsimd<UnaryLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>op Vd, Vn on elements of a type that the size field does not give (NOT, RBIT, REVs).</summary>
    internal static StepResult AsimdUnaryOf<T, TOp>(Interpreter c, uint w)
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
        where TOp : struct, IIntUnary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, 0);
        UnaryLoop<TOp>.Run<T>(ref lanes);
        return c.FinishAsimd(w, lanes);
    }

    /// <summary>SUQADD, USQADD: op Vd, Vn with Vd the first operand.</summary>
    internal static StepResult AsimdAccumulate<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        lanes.M = lanes.N;
        lanes.N = lanes.D;
        return c.RunAsimd<BinaryLoop<TOp>>(w, SizeField(w), TOp.Signed, ref lanes);
    }

    /// <summary>ADDP and relatives.</summary>
    internal static StepResult AsimdPairwise<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (IsReserved(w, SizeField(w)))
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var result = stackalloc byte[16];
        var lanes = c.AsimdLanes(w, SizeField(w));
        lanes.D = result;
        LaneDispatch.Run<PairwiseLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        return c.FinishCopy(w, result, lanes);
    }

    /// <summary>Writes a result that was built aside, because its loop reads elements after others are written.</summary>
    private StepResult FinishCopy(uint w, byte* result, in Lanes lanes)
    {
        Buffer.MemoryCopy(result, Z(Rd(w)), lanes.Bytes, lanes.Bytes);
        return FinishAsimd(w, lanes);
    }

    /// <summary>ADDP Dd, Vn.2D.</summary>
    internal static StepResult ADDP_asisdpair_only(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var n = (ulong*)c.Z(Rn(w));
        c.SetScalarElement(Rd(w), 3, n[0] + n[1]);
        return StepResult.Next;
    }

    /// <summary>SADDLP, UADDLP (U, bit 29), and SADALP, UADALP, which accumulate (bit 14).</summary>
    internal static StepResult AsimdAddLongPairs(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var result = stackalloc byte[16];
        var lanes = c.AsimdLanes(w, SizeField(w));
        Buffer.MemoryCopy(lanes.D, result, 16, 16);
        lanes.D = result;
        lanes.Shift = (int)(w >> 14) & 1;
        LaneDispatch.Run<AddLongPairsLoop>(SizeField(w) + 1, (w >> 29 & 1) == 0, ref lanes);
        return c.FinishCopy(w, result, lanes);
    }

    /// <summary>ADDV, SMAXV and relatives.</summary>
    internal static StepResult AsimdAcross<TOp>(Interpreter c, uint w) where TOp : struct, IIntReduction
    {
        if (SizeField(w) == 2 && (w >> 30 & 1) == 0)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        LaneDispatch.Run<ReduceLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        c.SetScalarElement(Rd(w), SizeField(w), lanes.Immediate);
        return StepResult.Next;
    }

    /// <summary>SADDLV, UADDLV: the sum is twice as wide as the elements.</summary>
    internal static StepResult AsimdAddLongAcross(Interpreter c, uint w)
    {
        if (SizeField(w) == 2 && (w >> 30 & 1) == 0)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        var lanes = c.AsimdLanes(w, SizeField(w));
        LaneDispatch.Run<SumLoop>(SizeField(w), (w >> 29 & 1) == 0, ref lanes);
        c.SetScalarElement(Rd(w), SizeField(w) + 1, lanes.Immediate);
        return StepResult.Next;
    }

    // The "2" forms (Q set) use the upper half of narrow sources. Sources are copied: wide results overtake narrow reads.
    private Lanes LongLanes(uint w, byte* n, byte* m, bool wideN)
    {
        var scalar = (w >> 28 & 1) != 0;
        var upper = !scalar && (w >> 30 & 1) != 0 ? 8 : 0;
        Buffer.MemoryCopy(Z(Rn(w)) + (wideN ? 0 : upper), n, 16, wideN ? 16 : 8);
        Buffer.MemoryCopy(Z(Rm(w)) + upper, m, 16, 8);
        return new Lanes { D = Z(Rd(w)), N = n, M = m, Bytes = scalar ? 2 << SizeField(w) : 16, Shift = -1 };
    }

    /// <summary>SADDL and relatives.</summary>
    internal static StepResult AsimdLong<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        byte* n = stackalloc byte[16], m = stackalloc byte[16];
        var lanes = c.LongLanes(w, n, m, wideN: false);
        return c.RunAsimd<LongLoop<TOp>>(w, SizeField(w) + 1, TOp.Signed, ref lanes);
    }

    /// <summary>SADDW and relatives.</summary>
    internal static StepResult AsimdWide<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        byte* n = stackalloc byte[16], m = stackalloc byte[16];
        var lanes = c.LongLanes(w, n, m, wideN: true);
        return c.RunAsimd<WideLoop<TOp>>(w, SizeField(w) + 1, TOp.Signed, ref lanes);
    }

    /// <summary>SMLAL and relatives.</summary>
    internal static StepResult AsimdLongTernary<TOp>(Interpreter c, uint w) where TOp : struct, IIntTernary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        byte* n = stackalloc byte[16], m = stackalloc byte[16];
        var lanes = c.LongLanes(w, n, m, wideN: false);
        return c.RunAsimd<LongTernaryLoop<TOp>>(w, SizeField(w) + 1, TOp.Signed, ref lanes);
    }

    /// <summary>PMULL of 64-bit elements.</summary>
    internal static StepResult AsimdPolynomialLong64(Interpreter c, uint w)
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var part = (w >> 30 & 1) != 0 ? 1 : 0;
        *(UInt128*)c.Z(Rd(w)) = Int.PolynomialProduct(((ulong*)c.Z(Rn(w)))[part], ((ulong*)c.Z(Rm(w)))[part]);
        c.ZeroAbove(Rd(w), 16);
        return StepResult.Next;
    }

    /// <summary>ADDHN, SUBHN (rounded when U is set): the low half of Vd is written and the rest zeroed, or the upper half.</summary>
    internal static StepResult AsimdHighNarrow<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        var result = stackalloc byte[8];
        var lanes = new Lanes { D = result, N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = 16, Shift = (int)(w >> 29) & 1 };
        LaneDispatch.Run<HighNarrowLoop<TOp>>(SizeField(w) + 1, false, ref lanes);
        return c.FinishNarrow(w, result, lanes);
    }

    private StepResult FinishNarrow(uint w, byte* result, in Lanes lanes)
    {
        if (lanes.Saturated)
            Cpu->Fpsr |= FpContext.Saturation;
        var upper = (w >> 30 & 1) != 0 ? 8 : 0;
        *(ulong*)(Z(Rd(w)) + upper) = *(ulong*)result;
        ZeroAbove(Rd(w), 8 + upper);
        return StepResult.Next;
    }

    /// <summary>XTN, SQXTN, UQXTN, SQXTUN.</summary>
    internal static StepResult AsimdNarrow<TOp>(Interpreter c, uint w) where TOp : struct, INarrow =>
        c.CheckFp(out var trapped) ? c.NarrowBy<TOp>(w, SizeField(w) + 1, 0) : trapped;

    private StepResult NarrowBy<TOp>(uint w, int wideSize, int shift) where TOp : struct, INarrow
    {
        var result = stackalloc byte[8];
        var scalar = (w >> 28 & 1) != 0;
        var lanes = new Lanes { D = result, N = Z(Rn(w)), Bytes = scalar ? 1 << wideSize : 16, Shift = shift };
        *(ulong*)result = 0;
        LaneDispatch.Run<NarrowLoop<TOp>>(wideSize, TOp.Signed, ref lanes);
        if (!scalar)
            return FinishNarrow(w, result, lanes);
        if (lanes.Saturated)
            Cpu->Fpsr |= FpContext.Saturation;
        *(ulong*)Z(Rd(w)) = *(ulong*)result;
        ZeroAbove(Rd(w), 8);
        return StepResult.Next;
    }

    /// <summary>SHLL: extends and shifts by the element's width.</summary>
    internal static StepResult SHLL_asimdmisc_S(Interpreter c, uint w) =>
        c.CheckFp(out var trapped) ? c.ShiftLong(w, SizeField(w), 8 << SizeField(w), signed: false) : trapped;

    private StepResult ShiftLong(uint w, int size, int shift, bool signed)
    {
        var n = stackalloc byte[8];
        *(ulong*)n = *(ulong*)(Z(Rn(w)) + ((w >> 30 & 1) != 0 ? 8 : 0));
        var lanes = new Lanes { D = Z(Rd(w)), N = n, Bytes = 16, Shift = shift };
        return RunAsimd<ShiftLongLoop>(w, size + 1, signed, ref lanes);
    }
}
