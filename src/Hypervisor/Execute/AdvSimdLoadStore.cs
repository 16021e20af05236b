namespace CloudVm.Hypervisor.Execute;

/// <summary>AdvSIMD loads and stores of structures: LD1-LD4, ST1-ST4, single elements and replication.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Registers per structure and structures per register list, by the opcode field of the multiple-structure forms.</summary>
    private static (int Repeat, int Elements) StructureShape(uint opcode) => opcode switch
    {
        0b0000 => (1, 4),
        0b0010 => (4, 1),
        0b0100 => (1, 3),
        0b0110 => (3, 1),
        0b0111 => (1, 1),
        0b1000 => (1, 2),
        _ => (2, 1),
    };

    /// <summary>LDn, STn (multiple structures), with writeback when bit 23 is set.</summary>
    internal static StepResult AsimdStructures(Interpreter c, uint w)
    {
        var (repeat, structure) = StructureShape((w >> 12) & 0xF);
        var size = (int)(w >> 10) & 3;
        var bytes = (w >> 30 & 1) != 0 ? 16 : 8;
        if (size == 3 && bytes == 8 && structure != 1)
            return c.Undefined(w);
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var address))
            return c.FaultResult;

        var load = (w >> 22 & 1) != 0;
        var count = repeat * structure;
        var buffer = stackalloc byte[64];
        var start = address;
        for (var r = 0; r < repeat; r++)
        {
            for (var e = 0; e < bytes >> size; e++)
            {
                for (var s = 0; s < structure; s++)
                {
                    var register = r + s;
                    var done = load
                        ? c.ReadBytes(address, buffer + (16 * register) + (e << size), 1 << size)
                        : c.WriteBytes(address, c.Z((Rd(w) + (uint)register) & 31) + (e << size), 1 << size);
                    if (!done)
                        return c.FaultResult;
                    address += 1ul << size;
                }
            }
        }

        if (load)
        {
            for (var register = 0; register < count; register++)
                c.SetLow(Rd(w) + (uint)register, buffer + (16 * register), bytes);
        }

        c.WriteBack(w, start, (ulong)(count * bytes));
        return StepResult.Next;
    }

    private void SetLow(uint n, byte* source, int bytes)
    {
        Buffer.MemoryCopy(source, Z(n & 31), 16, bytes);
        ZeroAbove(n & 31, bytes);
    }

    // Post-index forms (bit 23): Rm of 31 stands for the number of bytes transferred.
    private void WriteBack(uint w, ulong start, ulong transferred)
    {
        if ((w >> 23 & 1) != 0)
            XSp(Rn(w), start + (Rm(w) == 31 ? transferred : X(Rm(w))));
    }

    /// <summary>LDn, STn (single structure) and LDnR.</summary>
    internal static StepResult AsimdSingle(Interpreter c, uint w)
    {
        var opcode = (w >> 13) & 7;
        var elements = (int)((opcode & 1) << 1 | (w >> 21 & 1)) + 1;
        var load = (w >> 22 & 1) != 0;
        var s = (int)(w >> 12) & 1;
        var q = (int)(w >> 30) & 1;
        var sizeField = (int)(w >> 10) & 3;
        var scale = (int)opcode >> 1;
        var replicate = scale == 3;
        var index = 0;
        switch (scale)
        {
            case 0:
                index = (q << 3) | (s << 2) | sizeField;
                break;
            case 1:
                if ((sizeField & 1) != 0)
                    return c.Undefined(w);
                index = (q << 2) | (s << 1) | (sizeField >> 1);
                break;
            case 2 when (sizeField & 1) == 0:
                if ((sizeField & 2) != 0)
                    return c.Undefined(w);
                index = (q << 1) | s;
                break;
            case 2:
                if (s != 0 || (sizeField & 2) != 0)
                    return c.Undefined(w);
                index = q;
                scale = 3;
                break;
            default:
                if (s != 0 || !load)
                    return c.Undefined(w);
                scale = sizeField;
                break;
        }

        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var start))
            return c.FaultResult;
        var values = stackalloc ulong[4];
        for (var i = 0; i < elements; i++)
        {
            values[i] = 0;
            var address = start + ((ulong)i << scale);
            var done = load
                ? c.ReadBytes(address, (byte*)(values + i), 1 << scale)
                : c.WriteBytes(address, c.Z((Rd(w) + (uint)i) & 31) + (index << scale), 1 << scale);
            if (!done)
                return c.FaultResult;
        }

        for (var i = 0; load && i < elements; i++)
            c.SetElements((Rd(w) + (uint)i) & 31, scale, index, values[i], replicate ? 8 << q : 0);
        c.WriteBack(w, start, (ulong)elements << scale);
        return StepResult.Next;
    }

    /// <summary>Writes one element of Vn, or with <paramref name="replicatedBytes"/> not zero every element of that much.</summary>
    private void SetElements(uint n, int size, int index, ulong value, int replicatedBytes)
    {
        if (replicatedBytes == 0)
        {
            WriteElement(Z(n), size, index, value);
            ZeroAbove(n, 16);
            return;
        }

        for (var i = 0; i < replicatedBytes >> size; i++)
            WriteElement(Z(n), size, i, value);
        ZeroAbove(n, replicatedBytes);
    }
}
