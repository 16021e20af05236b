using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Guest memory access for semantics methods. Hits in the software TLB are one compare and one host access; everything else
/// (misses, page crossings, alignment checks, faults, MMIO) is in <c>Interpreter.SlowMemory.cs</c>.
/// </summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>Loads a <typeparamref name="T"/> of 1, 2, 4 or 8 bytes. False when the access failed; return <see cref="FaultResult"/> then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Load<T>(ulong va, out T value, AccessInfo info)
        where T : unmanaged
    {
        // Adding the size before masking makes an access that crosses the page miss, without a second check.
        var entry = Tlb.Entry(_data, va);
        if (entry->ReadTag == ((va + (uint)sizeof(T) - 1) & Tlb.PageMask))
        {
            value = Unsafe.ReadUnaligned<T>((void*)(va + (ulong)entry->Addend));
            return true;
        }

        Unsafe.SkipInit(out value);
        return LoadSlow(va, (byte*)Unsafe.AsPointer(ref value), sizeof(T), info, _mmuIndex);
    }

    /// <summary>Stores a <typeparamref name="T"/> of 1, 2, 4 or 8 bytes. False when the access failed; return <see cref="FaultResult"/> then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Store<T>(ulong va, T value, AccessInfo info)
        where T : unmanaged
    {
        var entry = Tlb.Entry(_data, va);
        if (entry->WriteTag == ((va + (uint)sizeof(T) - 1) & Tlb.PageMask))
        {
            Unsafe.WriteUnaligned((void*)(va + (ulong)entry->Addend), value);
            return true;
        }

        return StoreSlow(va, (byte*)Unsafe.AsPointer(ref value), sizeof(T), info, _mmuIndex);
    }

    public bool Load8(ulong va, out byte value, AccessInfo info) => Load(va, out value, info);

    public bool Load16(ulong va, out ushort value, AccessInfo info) => Load(va, out value, info);

    public bool Load32(ulong va, out uint value, AccessInfo info) => Load(va, out value, info);

    public bool Load64(ulong va, out ulong value, AccessInfo info) => Load(va, out value, info);

    public bool Store8(ulong va, byte value, AccessInfo info) => Store(va, value, info);

    public bool Store16(ulong va, ushort value, AccessInfo info) => Store(va, value, info);

    public bool Store32(ulong va, uint value, AccessInfo info) => Store(va, value, info);

    public bool Store64(ulong va, ulong value, AccessInfo info) => Store(va, value, info);

    /// <summary>
    /// Host address of [va, va + length) for reading when it lies in one page that the TLB holds, else null: the fast path of vector
    /// loads. A null says nothing about faults; go on with <see cref="ReadBytes"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* ReadPointer(ulong va, int length)
    {
        var entry = Tlb.Entry(_data, va);
        return entry->ReadTag == ((va + (uint)length - 1) & Tlb.PageMask) ? (byte*)(va + (ulong)entry->Addend) : null;
    }

    /// <summary>As <see cref="ReadPointer"/>, for writing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* WritePointer(ulong va, int length)
    {
        var entry = Tlb.Entry(_data, va);
        return entry->WriteTag == ((va + (uint)length - 1) & Tlb.PageMask) ? (byte*)(va + (ulong)entry->Addend) : null;
    }

    /// <summary>
    /// Copies [va, va + length) to <paramref name="destination"/>; at most one page boundary is crossed. All of the range is checked
    /// first, so a failed read has copied nothing.
    /// </summary>
    public bool ReadBytes(ulong va, byte* destination, int length, AccessInfo info = default)
    {
        var direct = ReadPointer(va, length);
        if (direct == null)
            return LoadSlow(va, destination, length, info, _mmuIndex);
        Unsafe.CopyBlockUnaligned(destination, direct, (uint)length);
        return true;
    }

    /// <summary>Copies to [va, va + length); the counterpart of <see cref="ReadBytes"/>.</summary>
    public bool WriteBytes(ulong va, byte* source, int length, AccessInfo info = default)
    {
        var direct = WritePointer(va, length);
        if (direct == null)
            return StoreSlow(va, source, length, info, _mmuIndex);
        Unsafe.CopyBlockUnaligned(direct, source, (uint)length);
        return true;
    }

    /// <summary>
    /// Whether [va, va + length) could be read, without taking an exception: for first-fault and non-fault loads. Device memory and
    /// addresses outside RAM count as unreadable, as the architecture wants of speculative elements.
    /// </summary>
    public bool ProbeRead(ulong va, int length, out MmuFault fault)
    {
        fault = default;
        return ReadPointer(va, length) != null || ProbeSlow(va, length, out fault);
    }
}
