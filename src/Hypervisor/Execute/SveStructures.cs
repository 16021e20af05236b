using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE loads and stores of structures (LD2 to LD4, ST2 to ST4) and non-temporal forms, which are those of one register.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>LD2-LD4 and LDNT1, [Rn, Rm, LSL]: memory size in bits 24:23, registers less one in 22:21.</summary>
    internal static StepResult LDn_z_p_br(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.LoadStructures(w, c.StructureScalarAddress(w)) : trapped;

    /// <summary>LD2-LD4 and LDNT1, [Rn, #imm, MUL VL].</summary>
    internal static StepResult LDn_z_p_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.LoadStructures(w, c.StructureImmediateAddress(w)) : trapped;

    internal static StepResult STn_z_p_br(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.StoreStructures(w, c.StructureScalarAddress(w)) : trapped;

    internal static StepResult STn_z_p_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.StoreStructures(w, c.StructureImmediateAddress(w)) : trapped;

    private ulong StructureScalarAddress(uint w) => XSp(Rn(w)) + (X(Rm(w)) << (int)(w >> 23 & 3));

    private ulong StructureImmediateAddress(uint w) =>
        XSp(Rn(w)) + (ulong)(SignedImm4(w) * VL * ((w >> 21 & 3) + 1));

    private StepResult LoadStructures(uint w, ulong address)
    {
        var size = (int)(w >> 23 & 3);
        var registers = (int)(w >> 21 & 3) + 1;
        var type = new LoadType(size, size, false);
        var pg = Pg(w);
        var result = stackalloc byte[4 * MaxVectorBytes];
        NativeMemory.Clear(result, 4 * MaxVectorBytes);
        for (var offset = 0; offset < VL; offset += 1 << size)
        {
            for (var r = 0; r < registers; r++)
            {
                if (IsActive(pg, offset) && !LoadInto(address, result + (r * MaxVectorBytes) + offset, type))
                    return FaultResult;
                address += 1ul << size;
            }
        }

        for (var r = 0; r < registers; r++)
            Buffer.MemoryCopy(result + (r * MaxVectorBytes), Z((Rd(w) + (uint)r) & 31), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    private StepResult StoreStructures(uint w, ulong address)
    {
        var size = (int)(w >> 23 & 3);
        var registers = (int)(w >> 21 & 3) + 1;
        var pg = Pg(w);
        for (var offset = 0; offset < VL; offset += 1 << size)
        {
            for (var r = 0; r < registers; r++)
            {
                if (IsActive(pg, offset) && !StoreFrom(address, Z((Rd(w) + (uint)r) & 31) + offset, size))
                    return FaultResult;
                address += 1ul << size;
            }
        }

        return StepResult.Next;
    }
}
