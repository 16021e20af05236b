using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE vector permutes.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Room for one vector of any length.</summary>
    private const int MaxVectorBytes = 256;

    /// <summary>Source of element i: kind 0 is ZIP, 1 UZP, 2 TRN; part says which half, or even and odd.</summary>
    private static void PermuteSource(uint kind, int part, int i, int elements, out bool fromM, out int index)
    {
        switch (kind)
        {
            case 0:
                fromM = (i & 1) != 0;
                index = (i / 2) + (part * (elements / 2));
                break;
            case 1:
                var position = (2 * i) + part;
                fromM = position >= elements;
                index = fromM ? position - elements : position;
                break;
            default:
                fromM = (i & 1) != 0;
                index = (i & ~1) + part;
                break;
        }
    }

    /// <summary>ZIP1, ZIP2, UZP1, UZP2, TRN1, TRN2: bits 12:11 the kind, bit 10 which part.</summary>
    internal static StepResult SvePermute(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        Permute(c.Z(Rd(w)), c.Z(Rn(w)), c.Z(Rm(w)), SizeField(w), c.VL >> SizeField(w), (w >> 11) & 3, (int)(w >> 10) & 1);
        return StepResult.Next;
    }

    /// <summary>As <see cref="SvePermute"/> with 128-bit elements; what does not fill a pair of them becomes zero.</summary>
    internal static StepResult SvePermuteSegments(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        if (c.VL < 32)
            return c.Undefined(w);
        var elements = c.VL / 32 * 2;
        var kind = (w >> 11 & 3) == 3 ? 2 : w >> 11 & 3;
        var result = stackalloc byte[MaxVectorBytes];
        NativeMemory.Clear(result, MaxVectorBytes);
        for (var i = 0; i < elements; i++)
        {
            PermuteSource(kind, (int)(w >> 10) & 1, i, elements, out var fromM, out var index);
            ((UInt128*)result)[i] = ((UInt128*)(fromM ? c.Z(Rm(w)) : c.Z(Rn(w))))[index];
        }

        Buffer.MemoryCopy(result, c.Z(Rd(w)), MaxVectorBytes, c.VL);
        return StepResult.Next;
    }

    private static void Permute(byte* d, byte* n, byte* m, int size, int elements, uint kind, int part)
    {
        var result = stackalloc byte[MaxVectorBytes];
        for (var i = 0; i < elements; i++)
        {
            PermuteSource(kind, part, i, elements, out var fromM, out var index);
            WriteElement(result, size, i, ReadElement(fromM ? m : n, size, index));
        }

        Buffer.MemoryCopy(result, d, MaxVectorBytes, elements << size);
    }

    internal static StepResult REV_z_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var elements = c.VL >> size;
        var result = stackalloc byte[MaxVectorBytes];
        for (var i = 0; i < elements; i++)
            WriteElement(result, size, i, ReadElement(c.Z(Rn(w)), size, elements - 1 - i));
        Buffer.MemoryCopy(result, c.Z(Rd(w)), MaxVectorBytes, c.VL);
        return StepResult.Next;
    }

    /// <summary>TBL Zd, {Zn}, Zm: an index beyond the vector gives zero.</summary>
    internal static StepResult TBL_z_zz_1(Interpreter c, uint w) => c.SveTable(w, 1, keep: false);

    /// <summary>TBL Zd, {Zn, Zn+1}, Zm.</summary>
    internal static StepResult TBL_z_zz_2(Interpreter c, uint w) => c.SveTable(w, 2, keep: false);

    /// <summary>TBX Zd, Zn, Zm: an index beyond the vector keeps the element.</summary>
    internal static StepResult TBX_z_zz(Interpreter c, uint w) => c.SveTable(w, 1, keep: true);

    private StepResult SveTable(uint w, int registers, bool keep)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var elements = VL >> size;
        var result = stackalloc byte[MaxVectorBytes];
        for (var i = 0; i < elements; i++)
        {
            var index = ReadElement(Z(Rm(w)), size, i);
            var value = keep ? ReadElement(Z(Rd(w)), size, i) : 0;
            if (index < (ulong)(elements * registers))
                value = ReadElement(Z((Rn(w) + (uint)((int)index / elements)) & 31), size, (int)index % elements);
            WriteElement(result, size, i, value);
        }

        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    /// <summary>EXT Zdn, Zdn, Zm, #imm: bytes of the pair from position imm; an imm beyond the vector stands for 0.</summary>
    internal static StepResult EXT_z_zi_des(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Extract(w, c.Z(Rd(w)), c.Z(Rn(w))) : trapped;

    /// <summary>EXT Zd, {Zn, Zn+1}, #imm.</summary>
    internal static StepResult EXT_z_zi_con(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Extract(w, c.Z(Rn(w)), c.Z((Rn(w) + 1) & 31)) : trapped;

    private StepResult Extract(uint w, byte* low, byte* high)
    {
        var position = (int)((w >> 16 & 0x1F) << 3 | (w >> 10 & 7));
        if (position >= VL)
            position = 0;
        var result = stackalloc byte[MaxVectorBytes];
        Buffer.MemoryCopy(low + position, result, MaxVectorBytes, VL - position);
        Buffer.MemoryCopy(high, result + (VL - position), MaxVectorBytes, position);
        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    /// <summary>SUNPKLO, SUNPKHI, UUNPKLO, UUNPKHI: U (bit 17), H (bit 16).</summary>
    internal static StepResult UNPK_z_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var elements = c.VL >> size;
        var start = (w >> 16 & 1) != 0 ? elements : 0;
        var unsigned = (w >> 17 & 1) != 0;
        var result = stackalloc byte[MaxVectorBytes];
        for (var i = 0; i < elements; i++)
        {
            var value = ReadElement(c.Z(Rn(w)), size - 1, start + i);
            WriteElement(result, size, i, unsigned ? value : SignExtend(value, size - 1));
        }

        Buffer.MemoryCopy(result, c.Z(Rd(w)), MaxVectorBytes, c.VL);
        return StepResult.Next;
    }

    /// <summary>An element of 8 &lt;&lt; size bits sign-extended to 64.</summary>
    private static ulong SignExtend(ulong value, int size) => size switch
    {
        0 => (ulong)(sbyte)value,
        1 => (ulong)(short)value,
        2 => (ulong)(int)value,
        _ => value,
    };

    /// <summary>COMPACT Zd, Pg, Zn: the active elements, from the lowest up; zero above them.</summary>
    internal static StepResult COMPACT_z_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var size = SizeField(w);
        var result = stackalloc byte[MaxVectorBytes];
        NativeMemory.Clear(result, MaxVectorBytes);
        var pg = c.Pg(w);
        var next = 0;
        for (var i = 0; i < c.VL >> size; i++)
        {
            if (IsActive(pg, i << size))
                WriteElement(result, size, next++, ReadElement(c.Z(Rn(w)), size, i));
        }

        Buffer.MemoryCopy(result, c.Z(Rd(w)), MaxVectorBytes, c.VL);
        return StepResult.Next;
    }

    /// <summary>SPLICE Zdn, Pg, Zdn, Zm: from the first to the last active element, then Zm.</summary>
    internal static StepResult SPLICE_z_p_zz_des(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Splice(w, c.Z(Rd(w)), c.Z(Rn(w))) : trapped;

    /// <summary>SPLICE Zd, Pg, {Zn, Zn+1}.</summary>
    internal static StepResult SPLICE_z_p_zz_con(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.Splice(w, c.Z(Rn(w)), c.Z((Rn(w) + 1) & 31)) : trapped;

    private StepResult Splice(uint w, byte* first, byte* second)
    {
        var size = SizeField(w);
        var elements = VL >> size;
        var result = stackalloc byte[MaxVectorBytes];
        var count = 0;
        if (FindActive(Pg(w), size, out var low, out var high))
        {
            for (var i = low; i <= high; i++)
                WriteElement(result, size, count++, ReadElement(first, size, i));
        }

        for (var i = 0; count < elements; i++)
            WriteElement(result, size, count++, ReadElement(second, size, i));
        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    /// <summary>Indices of the first and the last active element; false when there is none.</summary>
    private bool FindActive(byte* pg, int size, out int first, out int last)
    {
        first = last = -1;
        for (var i = 0; i < VL >> size; i++)
        {
            if (!IsActive(pg, i << size))
                continue;
            if (first < 0)
                first = i;
            last = i;
        }

        return first >= 0;
    }

    // LASTA takes the element after the last active one (the first when there is none), LASTB the last active one
    // (the last of all when there is none). B is bit 16.
    private ulong LastElement(uint w, out bool anyActive)
    {
        var size = SizeField(w);
        var elements = VL >> size;
        anyActive = FindActive(Pg(w), size, out _, out var last);
        var index = (w >> 16 & 1) != 0
            ? (anyActive ? last : elements - 1)
            : (last + 1) % elements;
        return ReadElement(Z(Rn(w)), size, index);
    }

    internal static StepResult LAST_r_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.X(Rd(w), c.LastElement(w, out _));
        return StepResult.Next;
    }

    internal static StepResult LAST_v_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        c.SetScalarElement(Rd(w), SizeField(w), c.LastElement(w, out _));
        return StepResult.Next;
    }

    /// <summary>CLASTA, CLASTB Rdn: without an active element the register keeps its low element, zero-extended.</summary>
    internal static StepResult CLAST_r_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var value = c.LastElement(w, out var any);
        c.X(Rd(w), any ? value : c.X(Rd(w)) & (ulong.MaxValue >> (64 - (8 << SizeField(w)))));
        return StepResult.Next;
    }

    internal static StepResult CLAST_v_p_z(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var value = c.LastElement(w, out var any);
        c.SetScalarElement(Rd(w), SizeField(w), any ? value : ReadElement(c.Z(Rd(w)), SizeField(w), 0));
        return StepResult.Next;
    }

    /// <summary>CLASTA, CLASTB Zdn, Pg, Zdn, Zm: broadcasts the element, or keeps Zdn without an active one.</summary>
    internal static StepResult CLAST_z_p_zz(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var value = c.LastElement(w, out var any);
        return any ? c.Broadcast(Rd(w), SizeField(w), value) : StepResult.Next;
    }

    /// <summary>Writes a scalar of 8 &lt;&lt; size bits and zeroes the rest of the register.</summary>
    private void SetScalarElement(uint n, int size, ulong value)
    {
        WriteElement(Z(n), size, 0, value);
        ZeroAbove(n, 1 << size);
    }
}
