using System.Numerics;
using System.Runtime.CompilerServices;

namespace CloudVm.Hypervisor.Execute.Elements;

/// <summary>
/// Vectors to and from memory that is known to be accessible. Sizes are log2 of bytes: that of an element in memory, and that of its
/// element in the register, which is not smaller.
/// </summary>
internal static unsafe class VectorTransfer
{
    /// <summary>Register = the elements in memory, extended, where active; zero elsewhere.</summary>
    /// <param name="bytes">Of the register to fill.</param>
    public static void Place(byte* register, byte* memory, byte* pg, int bytes, int memorySize, int elementSize, bool signed)
    {
        if (memorySize == elementSize)
        {
            var lanes = new Lanes { D = register, N = memory, A = pg, Bytes = bytes };
            LaneDispatch.Run<PlaceLoop>(elementSize, false, ref lanes);
            return;
        }

        switch ((memorySize << 1) | (signed ? 1 : 0))
        {
            case 0: Extend<byte>(register, memory, pg, bytes, elementSize); break;
            case 1: Extend<sbyte>(register, memory, pg, bytes, elementSize); break;
            case 2: Extend<ushort>(register, memory, pg, bytes, elementSize); break;
            case 3: Extend<short>(register, memory, pg, bytes, elementSize); break;
            case 4: Extend<uint>(register, memory, pg, bytes, elementSize); break;
            default: Extend<int>(register, memory, pg, bytes, elementSize); break;
        }
    }

    /// <summary>Memory = the low part of the register's elements, where active. Other memory is not written, not even with what it holds.</summary>
    public static void Scatter(byte* memory, byte* register, byte* pg, int bytes, int memorySize, int elementSize)
    {
        if (memorySize == elementSize)
        {
            StoreSame(memory, register, pg, bytes, elementSize);
            return;
        }

        switch (memorySize)
        {
            case 0: Truncate<byte>(memory, register, pg, bytes, elementSize); break;
            case 1: Truncate<ushort>(memory, register, pg, bytes, elementSize); break;
            default: Truncate<uint>(memory, register, pg, bytes, elementSize); break;
        }
    }

    private static void Extend<TMemory>(byte* register, byte* memory, byte* pg, int bytes, int elementSize)
        where TMemory : unmanaged, IBinaryInteger<TMemory>
    {
        switch (elementSize)
        {
            case 1: Extend<TMemory, ushort>(register, memory, pg, bytes); break;
            case 2: Extend<TMemory, uint>(register, memory, pg, bytes); break;
            default: Extend<TMemory, ulong>(register, memory, pg, bytes); break;
        }
    }

    private static void Extend<TMemory, TElement>(byte* register, byte* memory, byte* pg, int bytes)
        where TMemory : unmanaged, IBinaryInteger<TMemory>
        where TElement : unmanaged, IBinaryInteger<TElement>
    {
        var source = (TMemory*)memory;
        for (var at = 0; at < bytes; at += sizeof(TElement))
        {
            *(TElement*)(register + at) = IsActive(pg, at) ? TElement.CreateTruncating(*source) : TElement.Zero;
            source++;
        }
    }

    private static void Truncate<TMemory>(byte* memory, byte* register, byte* pg, int bytes, int elementSize) where TMemory : unmanaged
    {
        var destination = (TMemory*)memory;
        for (var at = 0; at < bytes; at += 1 << elementSize)
        {
            if (IsActive(pg, at))
                *destination = *(TMemory*)(register + at);
            destination++;
        }
    }

    // By eight bytes, each of which a byte of the predicate governs. An element is stored once, by one store.
    private static void StoreSame(byte* memory, byte* register, byte* pg, int bytes, int size)
    {
        var all = (byte)HostVectorBits(size);
        for (var at = 0; at < bytes; at += 8)
        {
            var active = (byte)(pg[at >> 3] & all);
            if (active == all)
                Unsafe.WriteUnaligned(memory + at, *(ulong*)(register + at));
            else if (active != 0)
                StorePart(memory + at, register + at, active, size);
        }
    }

    private static void StorePart(byte* memory, byte* register, int active, int size)
    {
        for (var i = 0; i < 8; i += 1 << size)
        {
            if ((active >> i & 1) == 0)
                continue;
            if (size == 0)
                memory[i] = register[i];
            else if (size == 1)
                Unsafe.WriteUnaligned(memory + i, *(ushort*)(register + i));
            else
                Unsafe.WriteUnaligned(memory + i, *(uint*)(register + i));
        }
    }

    private static ulong HostVectorBits(int size) => size switch
    {
        0 => HostVector.ElementBits<byte>(),
        1 => HostVector.ElementBits<ushort>(),
        2 => HostVector.ElementBits<uint>(),
        _ => HostVector.ElementBits<ulong>(),
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsActive(byte* pg, int at) => ((pg[at >> 3] >> (at & 7)) & 1) != 0;
}

/// <summary>D = N where active in the predicate at A, else zero.</summary>
internal readonly unsafe struct PlaceLoop : IIntLoop, IIntVectorBody
{
    public static void Run<T>(ref Lanes lanes) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> =>
        HostVector.Run<PlaceLoop, T>(ref lanes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector At<TVector, T>(in Lanes lanes, int at)
        where TVector : struct, IHostVector<TVector, T>
        where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T> => TVector.Load(lanes.N + at) & TVector.Mask(lanes.A, at);
}
