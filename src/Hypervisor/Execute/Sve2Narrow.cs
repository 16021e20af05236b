using System.Numerics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// SVE2 instructions whose result is half as wide as their operands. The bottom forms write the even elements and zero the odd ones,
/// the top forms (T, bit 10) write the odd ones and keep the even ones.
/// </summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>SQXTNB, SQXTNT and relatives; exactly one bit of tsz is set.</summary>
    internal static StepResult SveExtractNarrow<TOp>(Interpreter c, uint w) where TOp : struct, INarrow
    {
        if (!TryNarrowShift(w, out var size, out var encoded) || !BitOperations.IsPow2(encoded))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)) };
        return c.NarrowInterleaved<NarrowLoop<TOp>>(w, size, TOp.Signed, ref lanes);
    }

    /// <summary>SHRNB, SHRNT and relatives: op Zd, Zn, #shift.</summary>
    internal static StepResult SveShiftNarrow<TOp>(Interpreter c, uint w) where TOp : struct, INarrow
    {
        if (!TryNarrowShift(w, out var size, out var encoded))
            return c.Undefined(w);
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), Shift = (16 << size) - encoded };
        return c.NarrowInterleaved<NarrowLoop<TOp>>(w, size, TOp.Signed, ref lanes);
    }

    /// <summary>ADDHNB, ADDHNT and relatives, rounded when R (bit 11) is set: op Zd, Zn, Zm.</summary>
    internal static StepResult SveHighNarrow<TOp>(Interpreter c, uint w) where TOp : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), M = c.Z(Rm(w)), Shift = (int)(w >> 11) & 1 };
        return c.NarrowInterleaved<HighNarrowLoop<TOp>>(w, SizeField(w) - 1, TOp.Signed, ref lanes);
    }

    private StepResult NarrowInterleaved<TLoop>(uint w, int size, bool signed, ref Lanes lanes) where TLoop : struct, IIntLoop
    {
        lanes.D = Z(Rd(w)) + (IsTop(w) ? 1 << size : 0);
        lanes.Bytes = VL;
        lanes.Interleaved = 1;
        LaneDispatch.Run<TLoop>(size + 1, signed, ref lanes);
        if (!IsTop(w))
            LaneDispatch.Run<ClearTopLoop>(size + 1, false, ref lanes);
        return StepResult.Next;
    }
}
