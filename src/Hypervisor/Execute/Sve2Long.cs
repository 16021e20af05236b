using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// SVE2 instructions whose result is twice as wide as their operands: of each pair of narrow elements they use the bottom (even) one
/// or the top (odd) one, as the instruction says.
/// </summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>op Zd, Zn, Zm of narrow operands.</summary>
    internal static StepResult SveLong<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.Lengthen<LongLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: IsTop(w), topM: IsTop(w)) : trapped;

    /// <summary>op Zd, Zn, Zm, the first operand bottom elements and the second top ones (SADDLBT).</summary>
    internal static StepResult SveLongBottomTop<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.Lengthen<LongLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: false, topM: true) : trapped;

    /// <summary>op Zd, Zn, Zm, the first operand top elements and the second bottom ones (SSUBLTB).</summary>
    internal static StepResult SveLongTopBottom<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.Lengthen<LongLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: true, topM: false) : trapped;

    /// <summary>op Zd, Zn, Zm with a wide first operand.</summary>
    internal static StepResult SveWide<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary =>
        c.CheckSve(out var trapped) ? c.Lengthen<WideLoop<TOp>>(w, TOp.Signed, c.Z(Rm(w)), topN: false, topM: IsTop(w)) : trapped;

    /// <summary>T of the encodings that have it in bit 10.</summary>
    private static bool IsTop(uint w) => (w >> 10 & 1) != 0;

    /// <summary>Runs a loop of which every second narrow element of an operand takes part; the size field is that of the wide ones.</summary>
    private StepResult Lengthen<TLoop>(uint w, bool signed, byte* m, bool topN, bool topM) where TLoop : struct, IIntLoop
    {
        var narrow = (1 << SizeField(w)) / 2;
        var lanes = new Lanes
        {
            D = Z(Rd(w)),
            N = Z(Rn(w)) + (topN ? narrow : 0),
            M = m + (topM ? narrow : 0),
            Bytes = VL,
            Shift = -1,
            Interleaved = 1,
        };
        LaneDispatch.Run<TLoop>(SizeField(w), signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>PMULLB, PMULLT Zd.Q, Zn.D, Zm.D.</summary>
    internal static StepResult SvePolynomialLong64(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        for (var i = 0; i < c.VL / 16; i++)
        {
            var part = (2 * i) + (IsTop(w) ? 1 : 0);
            ((UInt128*)c.Z(Rd(w)))[i] = Int.PolynomialProduct(((ulong*)c.Z(Rn(w)))[part], ((ulong*)c.Z(Rm(w)))[part]);
        }

        return StepResult.Next;
    }

    /// <summary>SSHLLB, SSHLLT, USHLLB, USHLLT (U, bit 11) Zd, Zn, #shift.</summary>
    internal static StepResult SveShiftLong(Interpreter c, uint w)
    {
        if (!TryNarrowShift(w, out var size, out var encoded))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes
        {
            D = c.Z(Rd(w)),
            N = c.Z(Rn(w)) + (IsTop(w) ? 1 << size : 0),
            Bytes = c.VL,
            Shift = encoded - (8 << size),
            Interleaved = 1,
        };
        LaneDispatch.Run<ShiftLongLoop>(size + 1, (w >> 11 & 1) == 0, ref lanes);
        return StepResult.Next;
    }

    /// <summary>
    /// tszh:tszl:imm3 (22, 20:16) of shifts to or from twice the width: the highest set bit of tsz is the size of the narrow elements.
    /// False when there is none, which is UNALLOCATED.
    /// </summary>
    private static bool TryNarrowShift(uint w, out int size, out int encoded)
    {
        encoded = (int)((w >> 22 & 1) << 5 | (w >> 16 & 0x1F));
        size = System.Numerics.BitOperations.Log2((uint)encoded) - 3;
        return size >= 0;
    }
}
