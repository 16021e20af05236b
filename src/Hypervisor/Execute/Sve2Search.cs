using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE2 character match and histograms.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>MATCH, NMATCH (bit 4) Pd, Pg/Z, Zn, Zm.</summary>
    internal static StepResult SveMatch(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL, Shift = (int)(w >> 4) & 1 };
        return c.CompareToPredicate<MatchLoop>(w, false, ref lanes);
    }

    /// <summary>HISTCNT Zd, Pg/Z, Zn, Zm.</summary>
    internal static StepResult HISTCNT_z_p_zz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var result = stackalloc byte[MaxVectorBytes];
        var lanes = new Lanes { D = result, N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.Pg(w), Bytes = c.VL };
        LaneDispatch.Run<HistogramLoop>(SizeField(w), false, ref lanes);
        Buffer.MemoryCopy(result, c.Z(Rd(w)), MaxVectorBytes, c.VL);
        return StepResult.Next;
    }

    /// <summary>HISTSEG Zd.B, Zn.B, Zm.B: how often each byte of Zn occurs in the same 128-bit segment of Zm.</summary>
    internal static StepResult HISTSEG_z_zz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        byte* d = c.Z(Rd(w)), n = c.Z(Rn(w)), m = c.Z(Rm(w));
        for (var segment = 0; segment < c.VL; segment += 16)
        {
            var wanted = Vector128.Load(n + segment);
            var searched = Vector128.Load(m + segment);
            var counts = Vector128<byte>.Zero;
            for (var i = 0; i < 16; i++)
                counts -= Vector128.Equals(wanted, Vector128.Create(searched.GetElement(i)));
            counts.Store(d + segment);
        }

        return StepResult.Next;
    }
}
