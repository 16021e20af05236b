using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Accesses of pre-decoded loads and stores that hit the TLB. False means that nothing was done and the row's method must run. An
/// unaligned SP makes the tag differ as a miss does, so that it costs no branch of its own.
/// </summary>
internal static unsafe class HotMemory
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Load<TMemory, TRegister>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong va, ulong unaligned = 0)
        where TMemory : unmanaged
    {
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + (uint)sizeof(TMemory) - 1) & Tlb.PageMask) | unaligned))
            return false;
        x[op->D] = Interpreter.ToRegister<TMemory, TRegister>(Unsafe.ReadUnaligned<TMemory>((void*)(va + (ulong)entry->Addend)));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Store<TMemory>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong va, ulong unaligned = 0)
        where TMemory : unmanaged
    {
        var entry = Tlb.Entry(table, va);
        if (entry->WriteTag != (((va + (uint)sizeof(TMemory) - 1) & Tlb.PageMask) | unaligned))
            return false;
        Unsafe.WriteUnaligned((void*)(va + (ulong)entry->Addend), Unsafe.As<ulong, TMemory>(ref x[op->D]));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadOffset<TMemory, TRegister>(ulong* x, DecodedInstruction* op, TlbEntry* table)
        where TMemory : unmanaged
    {
        var start = x[op->N];
        return Load<TMemory, TRegister>(x, op, table, start + (ulong)op->Offset, start & op->M);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StoreOffset<TMemory>(ulong* x, DecodedInstruction* op, TlbEntry* table)
        where TMemory : unmanaged
    {
        var start = x[op->N];
        return Store<TMemory>(x, op, table, start + (ulong)op->Offset, start & op->M);
    }

    /// <summary>Post-indexed when <paramref name="before"/> is 0, pre-indexed when it is the offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadUpdating<TMemory>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
        where TMemory : unmanaged
    {
        var start = x[op->N];
        var va = start + before;
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + (uint)sizeof(TMemory) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        var value = Interpreter.ToRegister<TMemory, ulong>(Unsafe.ReadUnaligned<TMemory>((void*)(va + (ulong)entry->Addend)));
        x[op->N] = start + (ulong)op->Offset;
        x[op->D] = value;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StoreUpdating<TMemory>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
        where TMemory : unmanaged
    {
        var start = x[op->N];
        if (!Store<TMemory>(x, op, table, start + before, start & op->M))
            return false;
        x[op->N] = start + (ulong)op->Offset;
        return true;
    }

    /// <summary>Address with an index register: option in Offset, shift in Shift.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Indexed(ulong* x, DecodedInstruction* op)
    {
        var index = x[op->M];
        return x[op->N] + (op->Offset == 3 ? index << op->Shift : Width.Extend(index, (uint)op->Offset, op->Shift));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadPair<T>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + before;
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + (uint)(2 * sizeof(T)) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        var host = (byte*)(va + (ulong)entry->Addend);
        if (typeof(T) == typeof(ulong))
        {
            // FEAT_LSE2: one host access, since an aligned pair is single-copy atomic.
            var pair = Vector128.Load((ulong*)host);
            x[op->D] = pair.GetElement(0);
            x[op->A] = pair.GetElement(1);
            return true;
        }

        var first = Interpreter.ToRegister<T, ulong>(Unsafe.ReadUnaligned<T>(host));
        var second = Interpreter.ToRegister<T, ulong>(Unsafe.ReadUnaligned<T>(host + sizeof(T)));
        x[op->D] = first;
        x[op->A] = second;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StorePair<T>(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + before;
        var entry = Tlb.Entry(table, va);
        if (entry->WriteTag != (((va + (uint)(2 * sizeof(T)) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        var host = (byte*)(va + (ulong)entry->Addend);
        if (typeof(T) == typeof(ulong))
        {
            Vector128.Create(x[op->D], x[op->A]).Store((ulong*)host);
            return true;
        }

        Unsafe.WriteUnaligned(host, Unsafe.As<ulong, T>(ref x[op->D]));
        Unsafe.WriteUnaligned(host + sizeof(T), Unsafe.As<ulong, T>(ref x[op->A]));
        return true;
    }

    /// <summary>A pair of X registers, post-indexed when <paramref name="before"/> is 0, pre-indexed when it is the offset.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadPairUpdating(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
    {
        var start = x[op->N];
        var va = start + before;
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + 15) & Tlb.PageMask) | (start & op->M)))
            return false;
        var pair = Vector128.Load((ulong*)(va + (ulong)entry->Addend));
        x[op->N] = start + (ulong)op->Offset;
        x[op->D] = pair.GetElement(0);
        x[op->A] = pair.GetElement(1);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StorePairUpdating(ulong* x, DecodedInstruction* op, TlbEntry* table, ulong before)
    {
        if (!StorePair<ulong>(x, op, table, before))
            return false;
        x[op->N] += (ulong)op->Offset;
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadVector<T>(ulong* x, DecodedInstruction* op, TlbEntry* table, int vectorLength)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + (ulong)op->Offset;
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + (uint)sizeof(T) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        SetVector(x, op->D, Unsafe.ReadUnaligned<T>((void*)(va + (ulong)entry->Addend)), vectorLength);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StoreVector<T>(ulong* x, DecodedInstruction* op, TlbEntry* table)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + (ulong)op->Offset;
        var entry = Tlb.Entry(table, va);
        if (entry->WriteTag != (((va + (uint)sizeof(T) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        Unsafe.WriteUnaligned((void*)(va + (ulong)entry->Addend), Unsafe.ReadUnaligned<T>(Vector(x, op->D)));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool LoadVectorPair<T>(ulong* x, DecodedInstruction* op, TlbEntry* table, int vectorLength)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + (ulong)op->Offset;
        var entry = Tlb.Entry(table, va);
        if (entry->ReadTag != (((va + (uint)(2 * sizeof(T)) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        var host = (byte*)(va + (ulong)entry->Addend);
        var second = Unsafe.ReadUnaligned<T>(host + sizeof(T));
        SetVector(x, op->D, Unsafe.ReadUnaligned<T>(host), vectorLength);
        SetVector(x, op->A, second, vectorLength);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool StoreVectorPair<T>(ulong* x, DecodedInstruction* op, TlbEntry* table)
        where T : unmanaged
    {
        var start = x[op->N];
        var va = start + (ulong)op->Offset;
        var entry = Tlb.Entry(table, va);
        if (entry->WriteTag != (((va + (uint)(2 * sizeof(T)) - 1) & Tlb.PageMask) | (start & op->M)))
            return false;
        var host = (byte*)(va + (ulong)entry->Addend);
        Unsafe.WriteUnaligned(host, Unsafe.ReadUnaligned<T>(Vector(x, op->D)));
        Unsafe.WriteUnaligned(host + sizeof(T), Unsafe.ReadUnaligned<T>(Vector(x, op->A)));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Vector(ulong* x, uint n) => ((CpuState*)x)->Z + (n * CpuState.ZStride);

    /// <summary>Writes the low bytes of Vn and zeroes the rest of Zn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetVector<T>(ulong* x, uint n, T value, int vectorLength)
        where T : unmanaged
    {
        var z = Vector(x, n);
        if (sizeof(T) < 16)
            Vector128<byte>.Zero.Store(z);
        Unsafe.WriteUnaligned(z, value);
        if (vectorLength > 16)
            ZeroAbove(z, vectorLength);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ZeroAbove(byte* z, int vectorLength) => new Span<byte>(z + 16, vectorLength - 16).Clear();
}
