using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Fp;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE broadcasts, copies, selection and index generation.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>DUP Zd, Rn|SP.</summary>
    internal static StepResult DUP_z_r(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Broadcast(Rd(w), SizeField(w), c.XSp(Rn(w))) : trapped;

    /// <summary>DUP Zd, #simm8{, LSL #8}.</summary>
    internal static StepResult DUP_z_i(Interpreter c, uint w)
    {
        if (ShiftsByteImmediate(w))
            return c.Undefined(w);
        return c.CheckSve(out var trapped) ? c.Broadcast(Rd(w), SizeField(w), ShiftedSigned8(w)) : trapped;
    }

    /// <summary>FDUP Zd, #imm.</summary>
    internal static StepResult FDUP_z_i(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Broadcast(Rd(w), SizeField(w), ExpandImm(SizeField(w), (w >> 5) & 0xFF)) : trapped;

    /// <summary>DUP Zd, Zn[index]; an index beyond the vector gives zero.</summary>
    internal static StepResult DUP_z_zi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var imm = ((w >> 22 & 3) << 5) | (w >> 16 & 0x1F);
        var size = System.Numerics.BitOperations.TrailingZeroCount(imm);
        var index = (int)(imm >> (size + 1));
        var offset = index << size;
        if (size == 4)
        {
            UInt128 value = offset < c.VL ? *(UInt128*)(c.Z(Rn(w)) + offset) : 0;
            for (var i = 0; i < c.VL; i += 16)
                *(UInt128*)(c.Z(Rd(w)) + i) = value;
            return StepResult.Next;
        }

        return c.Broadcast(Rd(w), size, offset < c.VL ? ReadElement(c.Z(Rn(w)), size, index) : 0);
    }

    private static ulong ReadElement(byte* register, int size, int index) => size switch
    {
        0 => register[index],
        1 => ((ushort*)register)[index],
        2 => ((uint*)register)[index],
        _ => ((ulong*)register)[index],
    };

    private static void WriteElement(byte* register, int size, int index, ulong value)
    {
        switch (size)
        {
            case 0: register[index] = (byte)value; break;
            case 1: ((ushort*)register)[index] = (ushort)value; break;
            case 2: ((uint*)register)[index] = (uint)value; break;
            default: ((ulong*)register)[index] = value; break;
        }
    }

    private static ulong ShiftedSigned8(uint w)
    {
        var value = (ulong)(sbyte)(w >> 5);
        return (w >> 13 & 1) != 0 ? value << 8 : value;
    }

    private static ulong ExpandImm(int size, uint imm8) => size switch
    {
        1 => VFPExpandImm<Binary16>(imm8),
        2 => VFPExpandImm<Binary32>(imm8),
        _ => VFPExpandImm<Binary64>(imm8),
    };

    /// <summary>CPY Zd, Pg/M or Pg/Z, #simm8{, LSL #8}.</summary>
    internal static StepResult CPY_z_p_i(Interpreter c, uint w)
    {
        if (ShiftsByteImmediate(w))
            return c.Undefined(w);
        return c.CheckSve(out var trapped)
            ? c.CopyPredicated(w, ShiftedSigned8(w), c.P((w >> 16) & 0xF), zeroing: (w >> 14 & 1) == 0)
            : trapped;
    }

    /// <summary>FCPY Zd, Pg/M, #imm.</summary>
    internal static StepResult FCPY_z_p_i(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.CopyPredicated(w, ExpandImm(SizeField(w), (w >> 5) & 0xFF), c.P((w >> 16) & 0xF), zeroing: false)
            : trapped;

    /// <summary>CPY Zd, Pg/M, Rn|SP.</summary>
    internal static StepResult CPY_z_p_r(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.CopyPredicated(w, c.XSp(Rn(w)), c.Pg(w), zeroing: false) : trapped;

    /// <summary>CPY Zd, Pg/M, Vn.</summary>
    internal static StepResult CPY_z_p_v(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.CopyPredicated(w, *(ulong*)c.Z(Rn(w)), c.Pg(w), zeroing: false) : trapped;

    private StepResult CopyPredicated(uint w, ulong value, byte* pg, bool zeroing)
    {
        var lanes = new Lanes { D = Z(Rd(w)), Pg = pg, Bytes = VL, Immediate = value, Shift = zeroing ? 1 : 0 };
        LaneDispatch.Run<FillLoop>(SizeField(w), false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>SEL Zd, Pg, Zn, Zm.</summary>
    internal static StepResult SEL_z_p_zz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var lanes = new Lanes { D = c.Z(Rd(w)), N = c.Z(Rn(w)), M = c.Z(Rm(w)), Pg = c.P((w >> 10) & 0xF), Bytes = c.VL };
        LaneDispatch.Run<SelectLoop>(SizeField(w), false, ref lanes);
        return StepResult.Next;
    }

    internal static StepResult INDEX_z_ii(Interpreter c, uint w) =>
        c.GenerateIndex(w, SignedImm5(w >> 5), SignedImm5(w >> 16));

    internal static StepResult INDEX_z_ir(Interpreter c, uint w) => c.GenerateIndex(w, SignedImm5(w >> 5), c.X(Rm(w)));

    internal static StepResult INDEX_z_ri(Interpreter c, uint w) => c.GenerateIndex(w, c.X(Rn(w)), SignedImm5(w >> 16));

    internal static StepResult INDEX_z_rr(Interpreter c, uint w) => c.GenerateIndex(w, c.X(Rn(w)), c.X(Rm(w)));

    private static ulong SignedImm5(uint field) => (ulong)((long)((ulong)field << 59) >> 59);

    private StepResult GenerateIndex(uint w, ulong start, ulong step)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        for (var i = 0; i < VL >> size; i++)
            WriteElement(Z(Rd(w)), size, i, start + ((ulong)i * step));
        return StepResult.Next;
    }

    /// <summary>INSR Zdn, Rm.</summary>
    internal static StepResult INSR_z_r(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.InsertLowest(w, c.X(Rn(w))) : trapped;

    /// <summary>INSR Zdn, Vm.</summary>
    internal static StepResult INSR_z_v(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.InsertLowest(w, *(ulong*)c.Z(Rn(w))) : trapped;

    private StepResult InsertLowest(uint w, ulong value)
    {
        var size = SizeField(w);
        var register = Z(Rd(w));
        Buffer.MemoryCopy(register, register + (1 << size), 256, VL - (1 << size));
        WriteElement(register, size, 0, value);
        return StepResult.Next;
    }

    /// <summary>ADR Zd, [Zn, Zm{, mod}]: bits 23:22 say how Zm is read, bits 11:10 how far it is shifted.</summary>
    internal static StepResult ADR_z_az(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var shift = (int)(w >> 10) & 3;
        var kind = SizeField(w);
        byte* d = c.Z(Rd(w)), n = c.Z(Rn(w)), m = c.Z(Rm(w));
        if (kind == 2)
        {
            for (var i = 0; i < c.VL / 4; i++)
                ((uint*)d)[i] = ((uint*)n)[i] + (((uint*)m)[i] << shift);
            return StepResult.Next;
        }

        for (var i = 0; i < c.VL / 8; i++)
        {
            var raw = ((ulong*)m)[i];
            var offset = kind switch
            {
                0 => (ulong)(int)raw,
                1 => (uint)raw,
                _ => raw,
            };
            ((ulong*)d)[i] = ((ulong*)n)[i] + (offset << shift);
        }

        return StepResult.Next;
    }
}
