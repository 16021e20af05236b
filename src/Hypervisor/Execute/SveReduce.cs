using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE reductions of a vector to a scalar.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>SMAXV, ANDV and their like: inactive elements count as the operation's identity.</summary>
    internal static StepResult SveReduce<TOp>(Interpreter c, uint w) where TOp : struct, IIntReduction
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<ReduceLoop<TOp>>(SizeField(w), TOp.Signed, ref lanes);
        c.SetScalarElement(Rd(w), SizeField(w), lanes.Immediate);
        return StepResult.Next;
    }

    /// <summary>SADDV and UADDV (bit 16): the sum has 64 bits.</summary>
    internal static StepResult ADDV_r_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<SumLoop>(SizeField(w), (w >> 16 & 1) == 0, ref lanes);
        c.SetScalarElement(Rd(w), 3, lanes.Immediate);
        return StepResult.Next;
    }

    /// <summary>FADDV, FMAXV and their like: a tree over the vector padded with the identity to a power of two.</summary>
    internal static StepResult SveFpReduce<TOp>(Interpreter c, uint w) where TOp : struct, IFpReduction
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.RunFp<FpReduceLoop<TOp>>(SizeField(w), ref lanes, ref context);
        c.SetScalarElement(Rd(w), SizeField(w), lanes.Immediate);
        c.EndFp(context);
        return StepResult.Next;
    }

    /// <summary>FADDA Vdn, Pg, Vdn, Zm: strictly in element order.</summary>
    internal static StepResult FADDA_v_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var context = c.BeginFp();
        var lanes = new Lanes { N = c.Z(Rn(w)), Pg = c.Pg(w), Bytes = c.VL, Immediate = ReadElement(c.Z(Rd(w)), SizeField(w), 0) };
        LaneDispatch.RunFp<FpAccumulateLoop>(SizeField(w), ref lanes, ref context);
        c.SetScalarElement(Rd(w), SizeField(w), lanes.Immediate);
        c.EndFp(context);
        return StepResult.Next;
    }
}
