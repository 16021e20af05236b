using CloudVm.Hypervisor.Execute.Elements;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE matrix multiplication and BFloat16.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>SMMLA, UMMLA, USMMLA Zda.S, Zn.B, Zm.B.</summary>
    internal static StepResult SveIntegerMatrix<TOp>(Interpreter c, uint w) where TOp : struct, IDotProduct
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        IntegerMatrix<TOp>.Run(ref lanes);
        return StepResult.Next;
    }

    internal static StepResult BFDOT_z_zzz_(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL, Shift = -1 };
        BFloat16Loops.Dot(ref lanes);
        return StepResult.Next;
    }

    /// <summary>BFDOT Zda.S, Zn.H, Zm.H[index], the index counting pairs within each 128-bit segment.</summary>
    internal static StepResult BFDOT_z_zzzi_(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(w >> 16 & 7), Bytes = c.VL, Shift = (int)(w >> 19) & 3 };
        BFloat16Loops.Dot(ref lanes);
        return StepResult.Next;
    }

    internal static StepResult BFMMLA_z_zzz_(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL };
        BFloat16Loops.Matrix(ref lanes);
        return StepResult.Next;
    }

    /// <summary>BFMLALB, BFMLALT (bit 10) Zda.S, Zn.H, Zm.H.</summary>
    internal static StepResult SveBFloat16Long(Interpreter c, uint w) => c.SveBFloat16Long(w, c.Z(Rm(w)), -1);

    /// <summary>BFMLALB, BFMLALT (bit 10) Zda.S, Zn.H, Zm.H[index]: i3h (20:19), i3l (11).</summary>
    internal static StepResult SveBFloat16LongIndexed(Interpreter c, uint w) =>
        c.SveBFloat16Long(w, c.Z(w >> 16 & 7), (int)((w >> 19 & 3) << 1 | (w >> 11 & 1)));

    private StepResult SveBFloat16Long(uint w, byte* m, int index)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var context = BeginFp();
        var odd = (int)(w >> 10) & 1;
        var d = Z(Rd(w));
        var n = Z(Rn(w));
        for (var segment = 0; segment < VL; segment += 16)
        {
            var chosen = index < 0 ? 0u : *(ushort*)(m + segment + (2 * index));
            for (var i = segment; i < segment + 16; i += 4)
            {
                var factor = index < 0 ? *(ushort*)(m + i + (2 * odd)) : chosen;
                *(uint*)(d + i) = (uint)BFMulAddH(*(uint*)(d + i), *(ushort*)(n + i + (2 * odd)), factor, ref context);
            }
        }

        EndFp(context);
        return StepResult.Next;
    }

    /// <summary>BFCVT Zd.H, Pg/M, Zn.S: the result zero-extended in its container.</summary>
    internal static StepResult BFCVT_z_p_z_s2bf(Interpreter c, uint w) => c.SveConvertBFloat16(w, top: false);

    /// <summary>BFCVTNT Zd.H, Pg/M, Zn.S: into the upper half of the container.</summary>
    internal static StepResult BFCVTNT_z_p_z_s2bf(Interpreter c, uint w) => c.SveConvertBFloat16(w, top: true);

    private StepResult SveConvertBFloat16(uint w, bool top)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var context = BeginFp();
        var pg = Pg(w);
        var d = Z(Rd(w));
        var n = Z(Rn(w));
        for (var i = 0; i < VL; i += 4)
        {
            if (!IsActive(pg, i))
                continue;
            var value = (ushort)FPConvertBF(*(uint*)(n + i), ref context);
            if (top)
                *(ushort*)(d + i + 2) = value;
            else
                *(uint*)(d + i) = value;
        }

        EndFp(context);
        return StepResult.Next;
    }
}
