using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE2 integer instructions on pairs of adjacent elements.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>EORBT, EORTB (bit 10) Zd, Zn, Zm.</summary>
    internal static StepResult SveExclusiveOrInterleaved(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL, Shift = (int)(w >> 10) & 1 };
        LaneDispatch.Run<CrossLoop<Eor>>(SizeField(w), false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>CADD, SQCADD Zdn, Zdn, Zm, #rotation (bit 10).</summary>
    internal static StepResult SveComplexAdd<TAdd, TSub>(Interpreter c, uint w)
        where TAdd : struct, IIntBinary
        where TSub : struct, IIntBinary
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rd(w)), M = c.Z(Rn(w)), Bytes = c.VL, Shift = (int)(w >> 10) & 1 };
        LaneDispatch.Run<ComplexAddLoop<TAdd, TSub>>(SizeField(w), TAdd.Signed, ref lanes);
        return StepResult.Next;
    }

    /// <summary>ADCLB, ADCLT, and SBCLB, SBCLT (bit 23) Zda, Zn, Zm; bit 22 makes the elements 64 bits wide.</summary>
    internal static StepResult SveAddCarryLong(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes
        {
            D = c.Z(Rd(w)),
            N = c.Z(Rn(w)),
            M = c.Z(Rm(w)),
            Bytes = c.VL,
            Shift = (int)(w >> 10) & 1,
            Immediate = (w >> 23 & 1) != 0 ? ulong.MaxValue : 0,
        };
        LaneDispatch.Run<AddCarryLoop>(2 + (SizeField(w) & 1), false, ref lanes);
        return StepResult.Next;
    }
}
