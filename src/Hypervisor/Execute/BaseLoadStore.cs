using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Isa;
using CloudVm.Hypervisor.Mmu;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Loads and stores of general-purpose registers. Type arguments: what memory holds (a signed type sign-extends), the register's width
/// (<c>uint</c> or <c>ulong</c>), the addressing mode.
/// </summary>
public sealed unsafe partial class Interpreter
{
    private const ulong SctlrSa = 1UL << 3;
    private const ulong SctlrSa0 = 1UL << 4;
    private const ulong SctlrNaa = 1UL << 6;

    internal static StepResult Load<TMemory, TRegister, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out var updated);
        var info = TAddressing.Writeback ? AccessInfo.None : Info<TMemory, TRegister>(Rt(word));
        if (!c.Load(va, out TMemory value, info))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        c.X(Rt(word), ToRegister<TMemory, TRegister>(value));
        return StepResult.Next;
    }

    internal static StepResult Store<TMemory, TRegister, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out var updated);
        var info = TAddressing.Writeback ? AccessInfo.None : Info<TMemory, TRegister>(Rt(word));
        if (!c.Store(va, FromRegister<TMemory>(c.X(Rt(word))), info))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        return StepResult.Next;
    }

    internal static StepResult LoadUnprivileged<TMemory, TRegister>(Interpreter c, uint word)
        where TMemory : unmanaged
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = start + Imm9(word);
        var entry = c.UnprivilegedTable + ((va >> Tlb.PageShift) & (Tlb.Size - 1));
        TMemory value;
        if (entry->ReadTag == ((va + (uint)sizeof(TMemory) - 1) & Tlb.PageMask))
            value = Unsafe.ReadUnaligned<TMemory>((void*)(va + (ulong)entry->Addend));
        else if (!c.LoadSlow(va, (byte*)&value, sizeof(TMemory), Info<TMemory, TRegister>(Rt(word)), c.UnprivilegedIndex))
            return c.FaultResult;
        c.X(Rt(word), ToRegister<TMemory, TRegister>(value));
        return StepResult.Next;
    }

    internal static StepResult StoreUnprivileged<TMemory, TRegister>(Interpreter c, uint word)
        where TMemory : unmanaged
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = start + Imm9(word);
        var value = FromRegister<TMemory>(c.X(Rt(word)));
        var entry = c.UnprivilegedTable + ((va >> Tlb.PageShift) & (Tlb.Size - 1));
        if (entry->WriteTag == ((va + (uint)sizeof(TMemory) - 1) & Tlb.PageMask))
        {
            Unsafe.WriteUnaligned((void*)(va + (ulong)entry->Addend), value);
            return StepResult.Next;
        }

        return c.StoreSlow(va, (byte*)&value, sizeof(TMemory), Info<TMemory, TRegister>(Rt(word)), c.UnprivilegedIndex)
            ? StepResult.Next
            : c.FaultResult;
    }

    internal static StepResult LoadLiteral<TMemory, TRegister>(Interpreter c, uint word)
        where TMemory : unmanaged
    {
        if (!c.Load(c.Cpu->Pc + Imm19Offset(word), out TMemory value, Info<TMemory, TRegister>(Rt(word))))
            return c.FaultResult;
        c.X(Rt(word), ToRegister<TMemory, TRegister>(value));
        return StepResult.Next;
    }

    internal static StepResult LoadPair<TMemory, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out var updated);
        if (!c.LoadTwo(va, out TMemory first, out TMemory second))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);

        // LDPSW is the only pair of a signed type, and extends to 64 bits.
        c.X(Rt(word), ToRegister<TMemory, ulong>(first));
        c.X(Rt2(word), ToRegister<TMemory, ulong>(second));
        return StepResult.Next;
    }

    internal static StepResult StorePair<TMemory, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out var updated);
        if (!c.StoreTwo(va, FromRegister<TMemory>(c.X(Rt(word))), FromRegister<TMemory>(c.X(Rt2(word)))))
            return c.FaultResult;
        if (TAddressing.Writeback)
            c.XSp(Rn(word), updated);
        return StepResult.Next;
    }

    internal static StepResult LoadAcquire<TMemory, TRegister, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out _);
        var info = Info<TMemory, TRegister>(Rt(word), acquireRelease: true);
        if (!c.CheckOrderedAlignment(va, sizeof(TMemory), AccessKind.Read) || !c.Load(va, out TMemory value, info))
            return c.FaultResult;
        Volatile.ReadBarrier();
        c.X(Rt(word), ToRegister<TMemory, TRegister>(value));
        return StepResult.Next;
    }

    internal static StepResult StoreRelease<TMemory, TRegister, TAddressing>(Interpreter c, uint word)
        where TMemory : unmanaged
        where TAddressing : struct, IAddressing
    {
        if (!c.BaseAddress(Rn(word), out var start))
            return c.FaultResult;
        var va = TAddressing.Address(c, word, start, sizeof(TMemory), out _);
        var info = Info<TMemory, TRegister>(Rt(word), acquireRelease: true);
        Volatile.WriteBarrier();
        if (!c.CheckOrderedAlignment(va, sizeof(TMemory), AccessKind.Write) || !c.Store(va, FromRegister<TMemory>(c.X(Rt(word))), info))
            return c.FaultResult;

        // A later LDAR must not overtake: the host orders stores before loads only with a full barrier.
        Interlocked.MemoryBarrier();
        c._domain.WakeEventWaiters();
        return StepResult.Next;
    }

    /// <summary>Prefetches are hints; they never fault and check no alignment.</summary>
    internal static StepResult Prefetch(Interpreter c, uint word) => StepResult.Next;

    /// <summary>Rn or SP as a base address; false when SP is misaligned and that faults (pseudocode CheckSPAlignment).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool BaseAddress(uint n, out ulong address)
    {
        if (n != 31)
        {
            address = Cpu->X[n];
            return true;
        }

        address = Cpu->Sp[SpIndex];
        return (address & 15) == 0 || CheckSpAlignment();
    }

    /// <summary>
    /// Alignment of exclusives and atomics: to their size, or with FEAT_LSE2 within 16 aligned bytes, which the host accesses as
    /// atomically as aligned ones, since they lie in one cache line. False with an alignment fault taken.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool CheckAtomicAlignment(ulong va, int size, AccessKind kind) =>
        (va & (uint)(size - 1)) == 0 || IsWithinSixteenBytes(va, size) || FailAlignment(va, size, kind);

    /// <summary>Alignment of acquire and release accesses: as of atomics, and with FEAT_LSE2 SCTLR_EL1.nAA lifts even that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool CheckOrderedAlignment(ulong va, int size, AccessKind kind) =>
        (va & (uint)(size - 1)) == 0 || IsWithinSixteenBytes(va, size) || MayBeUnaligned() || FailAlignment(va, size, kind);

    private bool IsWithinSixteenBytes(ulong va, int size) =>
        (int)(va & 15) + size <= 16 && (Cpu->SctlrEl1 & SctlrA) == 0 && Features.Has(Feature.LSE2);

    private bool MayBeUnaligned() => (Cpu->SctlrEl1 & (SctlrA | SctlrNaa)) == SctlrNaa && Features.Has(Feature.LSE2);

    private bool FailAlignment(ulong va, int size, AccessKind kind) => Fail(AlignmentFault(va, kind), size, AccessInfo.None, null);

    private bool CheckSpAlignment()
    {
        if ((Cpu->SctlrEl1 & (Cpu->El == 0 ? SctlrSa0 : SctlrSa)) == 0)
            return true;
        FaultResult = TakeException(ExceptionClass.SpAlignment, 0, null, Cpu->Pc);
        return false;
    }

    /// <summary>LDTR and STTR act as EL0 does, unless PSTATE.UAO makes them ordinary.</summary>
    private TlbEntry* UnprivilegedTable => Cpu->Uao != 0 ? _data : _user;

    private MmuIndex UnprivilegedIndex => Cpu->Uao != 0 && Cpu->El != 0 ? _mmuIndex : MmuIndex.El0;

    /// <summary>Two elements, each single-copy atomic, with nothing loaded if either faults.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool LoadTwo<T>(ulong va, out T first, out T second)
        where T : unmanaged
    {
        var direct = ReadPointer(va, 2 * sizeof(T));
        if (direct != null)
        {
            // FEAT_LSE2: an aligned pair of doublewords is single-copy atomic.
            if (sizeof(T) == 8 && ((nuint)direct & 15) == 0)
            {
                var pair = Vector128.LoadAligned((ulong*)direct);
                first = Unsafe.BitCast<ulong, T>(pair.GetElement(0));
                second = Unsafe.BitCast<ulong, T>(pair.GetElement(1));
                return true;
            }

            first = Unsafe.ReadUnaligned<T>(direct);
            second = Unsafe.ReadUnaligned<T>(direct + sizeof(T));
            return true;
        }

        return LoadTwoSlow(va, out first, out second);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LoadTwoSlow<T>(ulong va, out T first, out T second)
        where T : unmanaged
    {
        second = default;
        return Load(va, out first, AccessInfo.None) && Load(va + (uint)sizeof(T), out second, AccessInfo.None);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool StoreTwo<T>(ulong va, T first, T second)
        where T : unmanaged
    {
        var direct = WritePointer(va, 2 * sizeof(T));
        if (direct != null)
        {
            if (sizeof(T) == 8 && ((nuint)direct & 15) == 0)
            {
                Vector128.Create(Unsafe.BitCast<T, ulong>(first), Unsafe.BitCast<T, ulong>(second)).StoreAligned((ulong*)direct);
                return true;
            }

            Unsafe.WriteUnaligned(direct, first);
            Unsafe.WriteUnaligned(direct + sizeof(T), second);
            return true;
        }

        return Store(va, first, AccessInfo.None) && Store(va + (uint)sizeof(T), second, AccessInfo.None);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static AccessInfo Info<TMemory, TRegister>(uint rt, bool acquireRelease = false) =>
        AccessInfo.Register(rt, typeof(TRegister) == typeof(ulong), IsSigned<TMemory>(), acquireRelease);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSigned<T>() => typeof(T) == typeof(sbyte) || typeof(T) == typeof(short) || typeof(T) == typeof(int);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong ToRegister<TMemory, TRegister>(TMemory value)
        where TMemory : unmanaged
    {
        if (typeof(TMemory) == typeof(byte))
            return Unsafe.BitCast<TMemory, byte>(value);
        if (typeof(TMemory) == typeof(ushort))
            return Unsafe.BitCast<TMemory, ushort>(value);
        if (typeof(TMemory) == typeof(uint))
            return Unsafe.BitCast<TMemory, uint>(value);
        if (typeof(TMemory) == typeof(ulong))
            return Unsafe.BitCast<TMemory, ulong>(value);
        long extended;
        if (typeof(TMemory) == typeof(sbyte))
            extended = Unsafe.BitCast<TMemory, sbyte>(value);
        else if (typeof(TMemory) == typeof(short))
            extended = Unsafe.BitCast<TMemory, short>(value);
        else
            extended = Unsafe.BitCast<TMemory, int>(value);
        return Width.Truncate<TRegister>((ulong)extended);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T FromRegister<T>(ulong value)
        where T : unmanaged => Unsafe.As<ulong, T>(ref value);
}
