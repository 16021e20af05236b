using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE gather loads and scatter stores.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>How the elements of Zm become offsets.</summary>
    private enum OffsetKind
    {
        Unsigned32,
        Signed32,
        Full,
    }

    /// <summary>Gather, [Rn, Zm.S, UXTW|SXTW]: xs is bit 22, scaled is bit 21.</summary>
    internal static StepResult SveGather32(Interpreter c, uint w) =>
        c.GatherScalar(w, elementSize: 2, (w >> 22 & 1) != 0 ? OffsetKind.Signed32 : OffsetKind.Unsigned32, (w >> 21 & 1) != 0);

    /// <summary>Gather, [Rn, Zm.D, UXTW|SXTW].</summary>
    internal static StepResult SveGather64Unpacked(Interpreter c, uint w) =>
        c.GatherScalar(w, elementSize: 3, (w >> 22 & 1) != 0 ? OffsetKind.Signed32 : OffsetKind.Unsigned32, (w >> 21 & 1) != 0);

    /// <summary>Gather, [Rn, Zm.D].</summary>
    internal static StepResult SveGather64(Interpreter c, uint w) =>
        c.GatherScalar(w, elementSize: 3, OffsetKind.Full, (w >> 21 & 1) != 0);

    [SkipLocalsInit]
    private StepResult GatherScalar(uint w, int elementSize, OffsetKind kind, bool scaled)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        ScalarPlusVector(w, addresses, elementSize, kind, scaled ? memory : 0);
        return Gather(w, addresses, memory, elementSize);
    }

    /// <summary>Gather, [Zn.S, #imm].</summary>
    internal static StepResult SveGatherVector32(Interpreter c, uint w) => c.GatherVector(w, 2);

    /// <summary>Gather, [Zn.D, #imm].</summary>
    internal static StepResult SveGatherVector64(Interpreter c, uint w) => c.GatherVector(w, 3);

    [SkipLocalsInit]
    private StepResult GatherVector(uint w, int elementSize)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        VectorPlusImmediate(w, addresses, elementSize, memory);
        return Gather(w, addresses, memory, elementSize);
    }

    /// <summary>Non-temporal gather, [Zn.S, Xm]: U is bit 13. No cache is modelled, so that only the addressing is special.</summary>
    internal static StepResult SveGatherVectorScalar32(Interpreter c, uint w) => c.GatherVectorScalar(w, 2, signed: (w >> 13 & 1) == 0);

    /// <summary>Non-temporal gather, [Zn.D, Xm]: U is bit 14.</summary>
    internal static StepResult SveGatherVectorScalar64(Interpreter c, uint w) => c.GatherVectorScalar(w, 3, signed: (w >> 14 & 1) == 0);

    private StepResult GatherVectorScalar(uint w, int elementSize, bool signed)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        VectorPlusOffset(w, addresses, elementSize, X(Rm(w)));
        return Gather(w, addresses, new LoadType((int)(w >> 23 & 3), elementSize, signed));
    }

    private void ScalarPlusVector(uint w, ulong* addresses, int elementSize, OffsetKind kind, int shift)
    {
        var start = XSp(Rn(w));
        var offsets = Z(Rm(w));
        var stride = 1 << elementSize;
        var elements = VL >> elementSize;
        if (kind == OffsetKind.Full)
        {
            for (var i = 0; i < elements; i++)
                addresses[i] = start + (*(ulong*)(offsets + (i * stride)) << shift);
        }
        else if (kind == OffsetKind.Signed32)
        {
            for (var i = 0; i < elements; i++)
                addresses[i] = start + ((ulong)*(int*)(offsets + (i * stride)) << shift);
        }
        else
        {
            for (var i = 0; i < elements; i++)
                addresses[i] = start + ((ulong)*(uint*)(offsets + (i * stride)) << shift);
        }
    }

    private void VectorPlusImmediate(uint w, ulong* addresses, int elementSize, int memory) =>
        VectorPlusOffset(w, addresses, elementSize, (ulong)(w >> 16 & 0x1F) << memory);

    private void VectorPlusOffset(uint w, ulong* addresses, int elementSize, ulong offset)
    {
        for (var i = 0; i < VL >> elementSize; i++)
            addresses[i] = ReadElement(Z(Rn(w)), elementSize, i) + offset;
    }

    // Bit 14 chooses zero extension, bit 13 first-faulting.
    private StepResult Gather(uint w, ulong* addresses, int memory, int elementSize)
    {
        var type = new LoadType(memory, elementSize, (w >> 14 & 1) == 0);
        return (w >> 13 & 1) != 0 ? LoadFirstFaultAt(w, addresses, type, firstMayFault: true) : Gather(w, addresses, type);
    }

    [SkipLocalsInit]
    private StepResult Gather(uint w, ulong* addresses, LoadType type)
    {
        // The destination may be the register of offsets, and a fault must leave it alone.
        var result = stackalloc byte[MaxVectorBytes];
        var loaded = ((type.MemorySize << 1) | (type.Signed ? 1 : 0)) switch
        {
            0 => GatherElements<byte>(Pg(w), addresses, result, type.ElementSize),
            1 => GatherElements<sbyte>(Pg(w), addresses, result, type.ElementSize),
            2 => GatherElements<ushort>(Pg(w), addresses, result, type.ElementSize),
            3 => GatherElements<short>(Pg(w), addresses, result, type.ElementSize),
            4 => GatherElements<uint>(Pg(w), addresses, result, type.ElementSize),
            5 => GatherElements<int>(Pg(w), addresses, result, type.ElementSize),
            _ => GatherElements<ulong>(Pg(w), addresses, result, type.ElementSize),
        };
        if (!loaded)
            return FaultResult;
        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    private bool GatherElements<TMemory>(byte* pg, ulong* addresses, byte* result, int elementSize)
        where TMemory : unmanaged, IBinaryInteger<TMemory> =>
        elementSize == 2
            ? GatherElements<TMemory, uint>(pg, addresses, result)
            : GatherElements<TMemory, ulong>(pg, addresses, result);

    private bool GatherElements<TMemory, TElement>(byte* pg, ulong* addresses, byte* result)
        where TMemory : unmanaged, IBinaryInteger<TMemory>
        where TElement : unmanaged, IBinaryInteger<TElement>
    {
        for (var offset = 0; offset < VL; offset += sizeof(TElement))
        {
            var value = TElement.Zero;
            if (IsActive(pg, offset))
            {
                if (!Load<TMemory>(*addresses, out var loaded, AccessInfo.None))
                    return false;
                value = TElement.CreateTruncating(loaded);
            }

            *(TElement*)(result + offset) = value;
            addresses++;
        }

        return true;
    }

    /// <summary>Scatter, [Rn, Zm.S, UXTW|SXTW]: xs is bit 14, scaled is bit 21.</summary>
    internal static StepResult SveScatter32(Interpreter c, uint w) =>
        c.ScatterScalar(w, elementSize: 2, (w >> 14 & 1) != 0 ? OffsetKind.Signed32 : OffsetKind.Unsigned32);

    /// <summary>Scatter, [Rn, Zm.D, UXTW|SXTW].</summary>
    internal static StepResult SveScatter64Unpacked(Interpreter c, uint w) =>
        c.ScatterScalar(w, elementSize: 3, (w >> 14 & 1) != 0 ? OffsetKind.Signed32 : OffsetKind.Unsigned32);

    /// <summary>Scatter, [Rn, Zm.D].</summary>
    internal static StepResult SveScatter64(Interpreter c, uint w) => c.ScatterScalar(w, elementSize: 3, OffsetKind.Full);

    [SkipLocalsInit]
    private StepResult ScatterScalar(uint w, int elementSize, OffsetKind kind)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        ScalarPlusVector(w, addresses, elementSize, kind, (w >> 21 & 1) != 0 ? memory : 0);
        return Scatter(w, addresses, memory, elementSize);
    }

    /// <summary>Scatter, [Zn.S, #imm].</summary>
    internal static StepResult SveScatterVector32(Interpreter c, uint w) => c.ScatterVector(w, 2);

    /// <summary>Scatter, [Zn.D, #imm].</summary>
    internal static StepResult SveScatterVector64(Interpreter c, uint w) => c.ScatterVector(w, 3);

    [SkipLocalsInit]
    private StepResult ScatterVector(uint w, int elementSize)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        VectorPlusImmediate(w, addresses, elementSize, memory);
        return Scatter(w, addresses, memory, elementSize);
    }

    /// <summary>Non-temporal scatter, [Zn.S, Xm].</summary>
    internal static StepResult SveScatterVectorScalar32(Interpreter c, uint w) => c.ScatterVectorScalar(w, 2);

    /// <summary>Non-temporal scatter, [Zn.D, Xm].</summary>
    internal static StepResult SveScatterVectorScalar64(Interpreter c, uint w) => c.ScatterVectorScalar(w, 3);

    private StepResult ScatterVectorScalar(uint w, int elementSize)
    {
        if (!CheckSve(out var trapped))
            return trapped;
        var addresses = stackalloc ulong[MaxVectorBytes / 4];
        VectorPlusOffset(w, addresses, elementSize, X(Rm(w)));
        return Scatter(w, addresses, (int)(w >> 23 & 3), elementSize);
    }

    private StepResult Scatter(uint w, ulong* addresses, int memory, int elementSize)
    {
        var pg = Pg(w);
        for (var i = 0; i < VL >> elementSize; i++)
        {
            var offset = i << elementSize;
            if (IsActive(pg, offset) && !StoreFrom(addresses[i], Z(Rd(w)) + offset, memory))
                return FaultResult;
        }

        return StepResult.Next;
    }
}
