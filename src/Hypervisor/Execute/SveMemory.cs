using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Execute.Elements;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>SVE contiguous loads and stores, and whole-register transfers.</summary>
public sealed unsafe partial class Interpreter
{
    /// <summary>dtype of contiguous loads: bits 24:21 give memory size, element size and extension together.</summary>
    private readonly record struct LoadType(int MemorySize, int ElementSize, bool Signed);

    private static LoadType DecodeLoadType(uint dtype)
    {
        // 0-3 ld1b, 4 ld1sw .d, 5-7 ld1h, 8-9 ld1sh, 10-11 ld1w, 12-14 ld1sb, 15 ld1d.
        ReadOnlySpan<byte> memory = [0, 0, 0, 0, 2, 1, 1, 1, 1, 1, 2, 2, 0, 0, 0, 3];
        ReadOnlySpan<byte> element = [0, 1, 2, 3, 3, 1, 2, 3, 3, 2, 2, 3, 3, 2, 1, 3];
        return new LoadType(memory[(int)dtype], element[(int)dtype], dtype is 4 or 8 or 9 or 12 or 13 or 14);
    }

    private static long SignedImm4(uint w) => (long)((ulong)w << 44) >> 60;

    /// <summary>LD1, [Rn, Rm, LSL].</summary>
    internal static StepResult LD1_z_p_br(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var type = DecodeLoadType((w >> 21) & 0xF);
        return c.LoadContiguous(w, c.XSp(Rn(w)) + (c.X(Rm(w)) << type.MemorySize), type);
    }

    /// <summary>LD1, [Rn, #imm, MUL VL].</summary>
    internal static StepResult LD1_z_p_bi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var type = DecodeLoadType((w >> 21) & 0xF);
        return c.LoadContiguous(w, c.ContiguousBase(w, type), type);
    }

    private ulong ContiguousBase(uint w, LoadType type) =>
        XSp(Rn(w)) + (ulong)(SignedImm4(w) * (VL >> (type.ElementSize - type.MemorySize)));

    [SkipLocalsInit]
    private StepResult LoadContiguous(uint w, ulong address, LoadType type)
    {
        var pg = Pg(w);
        var result = stackalloc byte[MaxVectorBytes];
        if (TryLoadBlock(address, pg, Z(Rd(w)), type, result))
            return StepResult.Next;

        NativeMemory.Clear(result, MaxVectorBytes);
        var step = 1 << type.ElementSize;
        for (var offset = 0; offset < VL; offset += step)
        {
            if (!IsActive(pg, offset))
                continue;
            if (!LoadInto(address + ((ulong)(offset >> type.ElementSize) << type.MemorySize), result + offset, type))
                return FaultResult;
        }

        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    /// <summary>
    /// Loads a vector from pages that the TLB holds, at most two. False, with nothing done, where they do not hold all of its memory up to
    /// the last active element; that says nothing about faults.
    /// </summary>
    /// <param name="buffer">Room for a vector.</param>
    private bool TryLoadBlock(ulong address, byte* pg, byte* destination, LoadType type, byte* buffer)
    {
        var length = VL >> (type.ElementSize - type.MemorySize);
        var source = ReadPointer(address, length);
        if (source == null)
        {
            var last = LastActiveElement(pg, type.ElementSize);
            length = (last + 1) << type.MemorySize;
            NativeMemory.Clear(buffer, MaxVectorBytes);
            if (!TryReadPages(address, buffer, length))
                return false;
            source = buffer;
        }

        VectorTransfer.Place(destination, source, pg, VL, type.MemorySize, type.ElementSize, type.Signed);
        return true;
    }

    /// <summary>Copies from at most two pages that the TLB holds. False, with nothing copied, when it does not hold them.</summary>
    private bool TryReadPages(ulong address, byte* destination, int length)
    {
        var head = (int)Math.Min((ulong)length, (~address & ~Tlb.PageMask) + 1);
        var rest = length - head;
        var first = head == 0 ? destination : ReadPointer(address, head);
        var second = rest == 0 ? destination : ReadPointer(address + (ulong)head, rest);
        if (first == null || second == null)
            return false;
        Unsafe.CopyBlockUnaligned(destination, first, (uint)head);
        if (rest != 0)
            Unsafe.CopyBlockUnaligned(destination + head, second, (uint)rest);
        return true;
    }

    /// <summary>Number of the last active element, or -1.</summary>
    private int LastActiveElement(byte* pg, int size)
    {
        var words = (ulong*)pg;
        for (var i = PredicateWords - 1; i >= 0; i--)
        {
            var active = words[i] & ElementBits(size) & VectorBits(i);
            if (active != 0)
                return ((i * 64) + System.Numerics.BitOperations.Log2(active)) >> size;
        }

        return -1;
    }

    /// <summary>Loads one element from memory and extends it into its place.</summary>
    private bool LoadInto(ulong address, byte* element, LoadType type)
    {
        ulong value;
        switch (type.MemorySize)
        {
            case 0:
                if (!Load8(address, out var b, AccessInfo.None))
                    return false;
                value = b;
                break;
            case 1:
                if (!Load16(address, out var h, AccessInfo.None))
                    return false;
                value = h;
                break;
            case 2:
                if (!Load32(address, out var s, AccessInfo.None))
                    return false;
                value = s;
                break;
            default:
                if (!Load64(address, out value, AccessInfo.None))
                    return false;
                break;
        }

        WriteElement(element, type.ElementSize, 0, type.Signed ? SignExtend(value, type.MemorySize) : value);
        return true;
    }

    /// <summary>LDFF1, [Rn, Rm, LSL].</summary>
    internal static StepResult LDFF1_z_p_br(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var type = DecodeLoadType((w >> 21) & 0xF);
        return c.LoadFirstFault(w, c.XSp(Rn(w)) + (c.X(Rm(w)) << type.MemorySize), type, firstMayFault: true);
    }

    /// <summary>LDNF1, [Rn, #imm, MUL VL].</summary>
    internal static StepResult LDNF1_z_p_bi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var type = DecodeLoadType((w >> 21) & 0xF);
        return c.LoadFirstFault(w, c.ContiguousBase(w, type), type, firstMayFault: false);
    }

    [SkipLocalsInit]
    private StepResult LoadFirstFault(uint w, ulong address, LoadType type, bool firstMayFault)
    {
        var buffer = stackalloc byte[MaxVectorBytes];
        if (TryLoadBlock(address, Pg(w), Z(Rd(w)), type, buffer))
            return StepResult.Next;

        var addresses = stackalloc ulong[MaxVectorBytes];
        var elements = VL >> type.ElementSize;
        for (var i = 0; i < elements; i++)
            addresses[i] = address + ((ulong)i << type.MemorySize);
        return LoadFirstFaultAt(w, addresses, type, firstMayFault);
    }

    /// <summary>
    /// A first-fault load: the first active element faults as any load does, a later one that cannot be read clears FFR from its
    /// element on. Elements from there on are zero; those whose FFR bit was false before are loaded. Both are choices that the
    /// architecture leaves open.
    /// </summary>
    private StepResult LoadFirstFaultAt(uint w, ulong* addresses, LoadType type, bool firstMayFault)
    {
        var pg = Pg(w);
        var ffr = ReadPredicate(16);
        var result = stackalloc byte[MaxVectorBytes];
        NativeMemory.Clear(result, MaxVectorBytes);
        var elements = VL >> type.ElementSize;
        var faulted = false;
        for (var i = 0; i < elements; i++)
        {
            var offset = i << type.ElementSize;
            if (IsActive(pg, offset) && !faulted)
            {
                if (!firstMayFault && !ProbeRead(addresses[i], 1 << type.MemorySize, out _))
                    faulted = true;
                else if (!LoadInto(addresses[i], result + offset, type))
                    return FaultResult;
                firstMayFault = false;
            }

            if (faulted)
                ClearElement(ref ffr, offset, type.ElementSize);
        }

        WritePredicate(16, ffr);
        Buffer.MemoryCopy(result, Z(Rd(w)), MaxVectorBytes, VL);
        return StepResult.Next;
    }

    private static void ClearElement(ref Predicate predicate, int offset, int size)
    {
        var mask = ((1ul << (1 << size)) - 1) << (offset & 63);
        predicate.Bits[offset >> 6] &= ~mask;
    }

    /// <summary>LD1RB and relatives: one element from [Rn, #imm] to all active ones. dtype is bits 24:23 and 14:13.</summary>
    internal static StepResult LD1R_z_p_bi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var type = DecodeLoadType((w >> 23 & 3) << 2 | (w >> 13 & 3));
        var pg = c.Pg(w);
        ulong value = 0;
        if (c.FindActive(pg, type.ElementSize, out _, out _))
        {
            var address = c.XSp(Rn(w)) + ((ulong)(w >> 16 & 0x3F) << type.MemorySize);
            if (!c.LoadInto(address, (byte*)&value, type))
                return c.FaultResult;
        }

        var lanes = new Lanes { D = c.Z(Rd(w)), Pg = pg, Bytes = c.VL, Immediate = value, Shift = 1 };
        LaneDispatch.Run<FillLoop>(type.ElementSize, false, ref lanes);
        return StepResult.Next;
    }

    /// <summary>LD1RQB and relatives, [Rn, Rm, LSL]: one 128-bit segment, repeated.</summary>
    internal static StepResult LD1RQ_z_p_br(Interpreter c, uint w) =>
        c.CheckSve(out var trapped)
            ? c.LoadReplicate(w, c.XSp(Rn(w)) + (c.X(Rm(w)) << (int)(w >> 23 & 3)), 16)
            : trapped;

    /// <summary>LD1RQB and relatives, [Rn, #imm × 16].</summary>
    internal static StepResult LD1RQ_z_p_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.LoadReplicate(w, c.XSp(Rn(w)) + (ulong)(SignedImm4(w) * 16), 16) : trapped;

    /// <summary>LD1ROB and relatives, [Rn, Rm, LSL]: one 256-bit segment, repeated. UNDEFINED on vectors shorter than that.</summary>
    internal static StepResult LD1RO_z_p_br(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        return c.VL < 32 ? c.Undefined(w) : c.LoadReplicate(w, c.XSp(Rn(w)) + (c.X(Rm(w)) << (int)(w >> 23 & 3)), 32);
    }

    /// <summary>LD1ROB and relatives, [Rn, #imm × 32].</summary>
    internal static StepResult LD1RO_z_p_bi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        return c.VL < 32 ? c.Undefined(w) : c.LoadReplicate(w, c.XSp(Rn(w)) + (ulong)(SignedImm4(w) * 32), 32);
    }

    private StepResult LoadReplicate(uint w, ulong address, int segment)
    {
        var size = (int)(w >> 23 & 3);
        var type = new LoadType(size, size, false);
        var pg = Pg(w);
        var buffer = stackalloc byte[32];
        NativeMemory.Clear(buffer, 32);
        var direct = ReadPointer(address, segment);
        if (direct != null)
        {
            VectorTransfer.Place(buffer, direct, pg, segment, size, size, signed: false);
        }
        else
        {
            for (var offset = 0; offset < segment; offset += 1 << size)
            {
                if (IsActive(pg, offset) && !LoadInto(address + (ulong)offset, buffer + offset, type))
                    return FaultResult;
            }
        }

        // A vector that is no multiple of 256 bits gets whole segments only, and zero above them.
        var d = Z(Rd(w));
        for (var offset = 0; offset < VL; offset += 16)
        {
            var part = offset < VL / segment * segment ? Vector128.Load(buffer + (offset & (segment - 1))) : Vector128<byte>.Zero;
            part.Store(d + offset);
        }

        return StepResult.Next;
    }

    /// <summary>ST1, [Rn, Rm, LSL]: memory size in bits 24:23, element size in 22:21.</summary>
    internal static StepResult ST1_z_p_br(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        return c.StoreContiguous(w, c.XSp(Rn(w)) + (c.X(Rm(w)) << memory), memory, (int)(w >> 21 & 3));
    }

    /// <summary>ST1, [Rn, #imm, MUL VL].</summary>
    internal static StepResult ST1_z_p_bi(Interpreter c, uint w)
    {
        if (!c.CheckSve(out var trapped))
            return trapped;
        var memory = (int)(w >> 23 & 3);
        var element = (int)(w >> 21 & 3);
        return c.StoreContiguous(w, c.XSp(Rn(w)) + (ulong)(SignedImm4(w) * (c.VL >> (element - memory))), memory, element);
    }

    private StepResult StoreContiguous(uint w, ulong address, int memory, int element)
    {
        var pg = Pg(w);
        var source = Z(Rd(w));
        var direct = WritePointer(address, VL >> (element - memory));
        if (direct != null)
        {
            VectorTransfer.Scatter(direct, source, pg, VL, memory, element);
            return StepResult.Next;
        }

        for (var offset = 0; offset < VL; offset += 1 << element)
        {
            if (IsActive(pg, offset) && !StoreFrom(address + ((ulong)(offset >> element) << memory), source + offset, memory))
                return FaultResult;
        }

        return StepResult.Next;
    }

    /// <summary>Stores the low bytes of one element.</summary>
    private bool StoreFrom(ulong address, byte* element, int size) => size switch
    {
        0 => Store8(address, *element, AccessInfo.None),
        1 => Store16(address, *(ushort*)element, AccessInfo.None),
        2 => Store32(address, *(uint*)element, AccessInfo.None),
        _ => Store64(address, *(ulong*)element, AccessInfo.None),
    };

    private static long SignedImm9(uint w) => (long)((ulong)(w >> 16 & 0x3F) << 58) >> 55 | (w >> 10 & 7);

    internal static StepResult LDR_z_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.TransferRegister(c.Z(Rd(w)), c.RegisterAddress(w, c.VL), c.VL, store: false) : trapped;

    internal static StepResult STR_z_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.TransferRegister(c.Z(Rd(w)), c.RegisterAddress(w, c.VL), c.VL, store: true) : trapped;

    internal static StepResult LDR_p_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.TransferRegister(c.P(w & 0xF), c.RegisterAddress(w, c.VL / 8), c.VL / 8, store: false) : trapped;

    internal static StepResult STR_p_bi(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? c.TransferRegister(c.P(w & 0xF), c.RegisterAddress(w, c.VL / 8), c.VL / 8, store: true) : trapped;

    private ulong RegisterAddress(uint w, int unit) => XSp(Rn(w)) + (ulong)(SignedImm9(w) * unit);

    // A Z register moves as quadwords, a P register as halfwords: that is what alignment checks see.
    private StepResult TransferRegister(byte* register, ulong address, int bytes, bool store)
    {
        var direct = store ? WritePointer(address, bytes) : ReadPointer(address, bytes);
        if (direct != null)
        {
            Buffer.MemoryCopy(store ? register : direct, store ? direct : register, bytes, bytes);
            return StepResult.Next;
        }

        var unit = bytes >= 16 && bytes == VL ? 16 : 2;
        var buffer = stackalloc byte[MaxVectorBytes];
        for (var i = 0; i < bytes; i += unit)
        {
            var done = store
                ? WriteBytes(address + (ulong)i, register + i, unit)
                : ReadBytes(address + (ulong)i, buffer + i, unit);
            if (!done)
                return FaultResult;
        }

        if (!store)
            Buffer.MemoryCopy(buffer, register, MaxVectorBytes, bytes);
        return StepResult.Next;
    }

    /// <summary>PRF: no cache is modelled, so a prefetch does nothing.</summary>
    internal static StepResult SvePrefetch(Interpreter c, uint w) =>
        c.CheckSve(out var trapped) ? StepResult.Next : trapped;
}
