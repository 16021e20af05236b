using System.Runtime.CompilerServices;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Loads and stores of SIMD&amp;FP registers; the type argument is what memory holds, 1 to 16 bytes.</summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult LoadVector<T, TAddressing>(Interpreter c, uint word)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(T), out var updated);
        if (!c.Load(va, out T value, AccessInfo.None))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        c.SetVector(Rt(word), value);
        return StepResult.Next;
    }

    internal static StepResult StoreVector<T, TAddressing>(Interpreter c, uint word)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(T), out var updated);
        if (!c.Store(va, Unsafe.ReadUnaligned<T>(c.Z(Rt(word))), AccessInfo.None))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        return StepResult.Next;
    }

    internal static StepResult LoadVectorLiteral<T>(Interpreter c, uint word)
        where T : unmanaged
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.Load(c.Cpu->Pc + Imm19Offset(word), out T value, AccessInfo.None))
            return c.FaultResult;
        c.SetVector(Rt(word), value);
        return StepResult.Next;
    }

    internal static StepResult LoadVectorPair<T, TAddressing>(Interpreter c, uint word)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(T), out var updated);
        if (!c.LoadTwo(va, out T first, out T second))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        c.SetVector(Rt(word), first);
        c.SetVector(Rt2(word), second);
        return StepResult.Next;
    }

    internal static StepResult StoreVectorPair<T, TAddressing>(Interpreter c, uint word)
        where T : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.CheckFp(out var trapped))
            return trapped;
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(T), out var updated);
        if (!c.StoreTwo(va, Unsafe.ReadUnaligned<T>(c.Z(Rt(word))), Unsafe.ReadUnaligned<T>(c.Z(Rt2(word)))))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        return StepResult.Next;
    }

    /// <summary>Writes the low bytes of Vn and zeroes the rest of Zn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SetVector<T>(uint n, T value)
        where T : unmanaged
    {
        Unsafe.WriteUnaligned(Z(n), value);
        ZeroAbove(n, sizeof(T));
    }
}
