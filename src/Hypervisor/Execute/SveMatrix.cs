using System.Runtime.InteropServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;
using static CloudVm.Hypervisor.Fp.SoftFloat;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE matrix multiplication, BFloat16, and products of half precision that widen to single.</summary>
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

    /// <summary>FMMLA Zda, Zn, Zm. UNDEFINED on vectors shorter than a matrix; what does not fill one becomes zero.</summary>
    internal static StepResult SveFpMatrix<TFormat>(Interpreter c, uint w) where TFormat : struct, IFpFormat
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var matrix = TFormat.Width / 2;
        if (c.VL < matrix)
            return c.Undefined(w);
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Bytes = c.VL / matrix * matrix };
        var context = c.BeginFp();
        FpMatrixLoop.Run<TFormat>(ref lanes, ref context);
        c.EndFp(context);
        NativeMemory.Clear(lanes.D + lanes.Bytes, (nuint)(c.VL - lanes.Bytes));
        return StepResult.Next;
    }

    /// <summary>FMLALB, FMLSLB, BFMLALB and, with bit 10 set, the T forms: op Zda.S, Zn.H, Zm.H.</summary>
    internal static StepResult SveFpLong<TOp>(Interpreter c, uint w) where TOp : struct, IFpLong =>
        c.CheckSve(out var trapped) ? c.RunFpLong<TOp>(w, c.Z(Rm(w)) + (IsTop(w) ? 2 : 0)) : trapped;

    /// <summary>op Zda.S, Zn.H, Zm.H[index].</summary>
    internal static StepResult SveFpLongIndexed<TOp>(Interpreter c, uint w) where TOp : struct, IFpLong
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var repeated = stackalloc byte[CpuState.ZStride];
        c.RepeatNarrowElement(w, 2, repeated);
        return c.RunFpLong<TOp>(w, repeated);
    }

    private StepResult RunFpLong<TOp>(uint w, byte* m) where TOp : struct, IFpLong
    {
        var lanes = new Lanes { D = Z(Rd(w)), N = Z(Rn(w)) + (IsTop(w) ? 2 : 0), M = m, Bytes = VL };
        var context = BeginFp();
        FpAlternateLongLoop<TOp>.Run(ref lanes, ref context);
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
