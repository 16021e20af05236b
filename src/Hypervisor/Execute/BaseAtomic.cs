using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Mmu;
using static CloudVm.Hypervisor.Execute.Operands;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// Exclusives and LSE atomics. All are interlocked host operations on guest RAM, so plain stores of other vCPUs are never lost.
/// STXR compares with the value that LDXR saw. A hardware monitor also notices a value that was changed and changed back (ABA); this
/// one does not, as in other emulators that run vCPUs in parallel.
/// </summary>
public sealed unsafe partial class Interpreter
{
    internal static StepResult LoadExclusive<T>(Interpreter c, uint word)
        where T : unmanaged
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, sizeof(T), AccessKind.Read);
        if (pointer == null)
            return c.FaultResult;
        var value = ToRegister<T, ulong>(Unsafe.ReadUnaligned<T>(pointer));
        c.SetExclusive(pointer, sizeof(T), value, 0);
        c.X(Rt(word), value);
        return StepResult.Next;
    }

    internal static StepResult StoreExclusive<T>(Interpreter c, uint word)
        where T : unmanaged
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        if (!c.TryPassMonitor(va, sizeof(T), out var pointer))
            return c.FailExclusive(word, pointer);
        var expected = FromRegister<T>(c.Cpu->ExclusiveLo);
        var seen = Interlocked.CompareExchange(ref *(T*)pointer, FromRegister<T>(c.X(Rt(word))), expected);
        c.X(Rs(word), ToRegister<T, ulong>(seen) == c.Cpu->ExclusiveLo ? 0u : 1u);
        return StepResult.Next;
    }

    internal static StepResult LoadExclusivePair32(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, 8, AccessKind.Read);
        if (pointer == null)
            return c.FaultResult;
        var value = Unsafe.ReadUnaligned<ulong>(pointer);
        c.SetExclusive(pointer, 8, value, 0);
        c.X(Rt(word), (uint)value);
        c.X(Rt2(word), value >> 32);
        return StepResult.Next;
    }

    internal static StepResult StoreExclusivePair32(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        if (!c.TryPassMonitor(va, 8, out var pointer))
            return c.FailExclusive(word, pointer);
        var value = c.W(Rt(word)) | (ulong)c.W(Rt2(word)) << 32;
        var seen = Interlocked.CompareExchange(ref *(ulong*)pointer, value, c.Cpu->ExclusiveLo);
        c.X(Rs(word), seen == c.Cpu->ExclusiveLo ? 0u : 1u);
        return StepResult.Next;
    }

    internal static StepResult LoadExclusivePair64(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, 16, AccessKind.Read);
        if (pointer == null)
            return c.FaultResult;
        HostAtomic128.Read(pointer, out var low, out var high);
        c.SetExclusive(pointer, 16, low, high);
        c.X(Rt(word), low);
        c.X(Rt2(word), high);
        return StepResult.Next;
    }

    internal static StepResult StoreExclusivePair64(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        if (!c.TryPassMonitor(va, 16, out var pointer))
            return c.FailExclusive(word, pointer);
        var low = c.Cpu->ExclusiveLo;
        var high = c.Cpu->ExclusiveHi;
        var swapped = HostAtomic128.CompareExchange(pointer, ref low, ref high, c.X(Rt(word)), c.X(Rt2(word)));
        c.X(Rs(word), swapped ? 0u : 1u);
        return StepResult.Next;
    }

    internal static StepResult CompareAndSwap<T>(Interpreter c, uint word)
        where T : unmanaged
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, sizeof(T), AccessKind.Write);
        if (pointer == null)
            return c.FaultResult;
        var seen = Interlocked.CompareExchange(ref *(T*)pointer, FromRegister<T>(c.X(Rt(word))), FromRegister<T>(c.X(Rs(word))));
        c.X(Rs(word), ToRegister<T, ulong>(seen));
        return StepResult.Next;
    }

    internal static StepResult CompareAndSwapPair32(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, 8, AccessKind.Write);
        if (pointer == null)
            return c.FaultResult;
        var s = Rs(word);
        var t = Rt(word);
        var expected = c.W(s) | (ulong)c.W(s + 1) << 32;
        var seen = Interlocked.CompareExchange(ref *(ulong*)pointer, c.W(t) | (ulong)c.W(t + 1) << 32, expected);
        c.X(s, (uint)seen);
        c.X(s + 1, seen >> 32);
        return StepResult.Next;
    }

    internal static StepResult CompareAndSwapPair64(Interpreter c, uint word)
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, 16, AccessKind.Write);
        if (pointer == null)
            return c.FaultResult;
        var s = Rs(word);
        var t = Rt(word);
        var low = c.X(s);
        var high = c.X(s + 1);
        HostAtomic128.CompareExchange(pointer, ref low, ref high, c.X(t), c.X(t + 1));
        c.X(s, low);
        c.X(s + 1, high);
        return StepResult.Next;
    }

    internal static StepResult AtomicMemoryOperation<T, TOperation>(Interpreter c, uint word)
        where T : unmanaged
        where TOperation : struct, IAtomicOperation
    {
        if (!c.BaseAddress(Rn(word), out var va))
            return c.FaultResult;
        var pointer = c.AtomicPointer(va, sizeof(T), AccessKind.Write);
        if (pointer == null)
            return c.FaultResult;
        var operand = ToRegister<T, ulong>(FromRegister<T>(c.X(Rs(word))));
        var old = ToRegister<T, ulong>(Unsafe.ReadUnaligned<T>(pointer));
        while (true)
        {
            var wanted = FromRegister<T>(TOperation.Apply(old, operand, sizeof(T) * 8));
            var seen = ToRegister<T, ulong>(Interlocked.CompareExchange(ref *(T*)pointer, wanted, FromRegister<T>(old)));
            if (seen == old)
                break;
            old = seen;
        }

        c.X(Rt(word), old);
        return StepResult.Next;
    }

    /// <summary>
    /// Host address of an aligned element for an exclusive or atomic access; null when it faults. An access that writes reads too: a
    /// fault that reading alone would give is reported as a read (ISS.WnR clear).
    /// </summary>
    private byte* AtomicPointer(ulong va, int size, AccessKind kind)
    {
        if (!CheckAtomicAlignment(va, size, AccessKind.Read))
            return null;
        var direct = kind == AccessKind.Write ? WritePointer(va, size) : ReadPointer(va, size);
        if (direct != null && (kind == AccessKind.Read || ReadPointer(va, size) != null))
            return direct;
        if (Resolve(va, size, AccessKind.Read, _mmuIndex, out var piece, out _, out _, out var fault)
            && (kind == AccessKind.Read || Resolve(va, size, kind, _mmuIndex, out piece, out _, out _, out fault)))
        {
            return piece.Host;
        }

        Fail(in fault, size, AccessInfo.None, null);
        return null;
    }

    /// <summary>As <see cref="AtomicPointer"/> for a store-exclusive, which only writes.</summary>
    private byte* StoreExclusivePointer(ulong va, int size)
    {
        if (!CheckAtomicAlignment(va, size, AccessKind.Write))
            return null;
        var direct = WritePointer(va, size);
        if (direct != null)
            return direct;
        if (Resolve(va, size, AccessKind.Write, _mmuIndex, out var piece, out _, out _, out var fault))
            return piece.Host;
        Fail(fault, size, AccessInfo.None, null);
        return null;
    }

    private void SetExclusive(byte* pointer, int size, ulong low, ulong high)
    {
        Cpu->ExclusiveActive = 1;
        Cpu->ExclusiveSize = (byte)size;
        Cpu->ExclusivePa = _memory.AddressOf(pointer);
        Cpu->ExclusiveLo = low;
        Cpu->ExclusiveHi = high;
    }

    /// <summary>
    /// Whether the local monitor lets a store-exclusive go on; clears it. False either because the access faulted, with a null
    /// <paramref name="pointer"/>, or because the monitor is not set for this address and size.
    /// </summary>
    private bool TryPassMonitor(ulong va, int size, out byte* pointer)
    {
        pointer = StoreExclusivePointer(va, size);
        if (pointer == null)
            return false;
        var passes = Cpu->ExclusiveActive != 0 && Cpu->ExclusiveSize == size && Cpu->ExclusivePa == _memory.AddressOf(pointer);
        Cpu->ExclusiveActive = 0;
        return passes;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private StepResult FailExclusive(uint word, byte* pointer)
    {
        if (pointer == null)
            return FaultResult;
        X(Rs(word), 1);
        return StepResult.Next;
    }
}
