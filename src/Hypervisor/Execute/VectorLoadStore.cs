using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Loads and stores of SIMD&amp;FP registers: one register, pairs and literals. T is what memory holds, 1 to 16 bytes.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult LoadVector<T, TAddressing>(Interpreter c, uint w)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, w, start, sizeof(T), out var updated);
        if (!c.Load(va, out T value, AccessInfo.None))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(w), updated);
        c.SetVector(Rt(w), value);
        return StepResult.Next;
    }

    internal static StepResult StoreVector<T, TAddressing>(Interpreter c, uint w)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, w, start, sizeof(T), out var updated);
        if (!c.Store(va, *(T*)c.Z(Rt(w)), AccessInfo.None))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(w), updated);
        return StepResult.Next;
    }

    internal static StepResult LoadVectorLiteral<T>(Interpreter c, uint w) where T : unmanaged
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.Load(c.Cpu->Pc + Imm19Offset(w), out T value, AccessInfo.None))
            return c.FaultResult;
        c.SetVector(Rt(w), value);
        return StepResult.Next;
    }

    internal static StepResult LoadVectorPair<T, TAddressing>(Interpreter c, uint w)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, w, start, sizeof(T), out var updated);
        if (!c.Load(va, out T first, AccessInfo.None) || !c.Load(va + (ulong)sizeof(T), out T second, AccessInfo.None))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(w), updated);
        c.SetVector(Rt(w), first);
        c.SetVector(Rt2(w), second);
        return StepResult.Next;
    }

    internal static StepResult StoreVectorPair<T, TAddressing>(Interpreter c, uint w)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(w), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, w, start, sizeof(T), out var updated);
        if (!c.Store(va, *(T*)c.Z(Rt(w)), AccessInfo.None)
            || !c.Store(va + (ulong)sizeof(T), *(T*)c.Z(Rt2(w)), AccessInfo.None))
        {
            return c.FaultResult;
        }

        if (TAddressing.Writeback)
            c.XSp(Rn(w), updated);
        return StepResult.Next;
    }

    /// <summary>Writes the low end of Vn and zeroes the rest of the register.</summary>
    private void SetVector<T>(uint n, T value) where T : unmanaged
    {
        *(T*)Z(n) = value;
        ZeroAbove(n, sizeof(T));
    }
}
