using System.Runtime.CompilerServices;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>Memory access beyond a TLB hit: refills, page crossings, alignment, faults and what lies outside RAM.</summary>
public sealed unsafe partial class Interpreter
{
    private const ulong SctlrA = 1UL << 1;
    private const uint IssWnr = 1u << 6;

    /// <summary>A page-bounded piece of an access after translation.</summary>
    private struct Piece
    {
        public byte* Host;
        public bool IsDevice;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool LoadSlow(ulong va, byte* destination, int length, AccessInfo info, MmuIndex index)
    {
        if (!Resolve(va, length, AccessKind.Read, index, out var first, out var head, out var second, out var fault))
            return Fail(in fault, length, info, null);
        CopyElement(destination, first.Host, head);
        if (head != length)
            Unsafe.CopyBlockUnaligned(destination + head, second.Host, (uint)(length - head));
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool StoreSlow(ulong va, byte* source, int length, AccessInfo info, MmuIndex index)
    {
        if (!Resolve(va, length, AccessKind.Write, index, out var first, out var head, out var second, out var fault))
            return Fail(in fault, length, info, source);
        CopyElement(first.Host, source, head);
        if (head != length)
            Unsafe.CopyBlockUnaligned(second.Host, source + head, (uint)(length - head));
        return true;
    }

    private bool ProbeSlow(ulong va, int length, out MmuFault fault) =>
        Resolve(va, length, AccessKind.Read, _mmuIndex, out var first, out _, out var second, out fault)
        && !first.IsDevice && !second.IsDevice;

    /// <summary>Copies with a single host access for the sizes that the architecture makes single-copy atomic.</summary>
    private static void CopyElement(byte* destination, byte* source, int length)
    {
        switch (length)
        {
            case 1:
                *destination = *source;
                break;
            case 2:
                Unsafe.WriteUnaligned(destination, Unsafe.ReadUnaligned<ushort>(source));
                break;
            case 4:
                Unsafe.WriteUnaligned(destination, Unsafe.ReadUnaligned<uint>(source));
                break;
            case 8:
                Unsafe.WriteUnaligned(destination, Unsafe.ReadUnaligned<ulong>(source));
                break;
            default:
                Unsafe.CopyBlockUnaligned(destination, source, (uint)length);
                break;
        }
    }

    /// <summary>Translates all of an access that spans at most two pages. <paramref name="head"/> is the length in the first.</summary>
    private bool Resolve(
        ulong va, int length, AccessKind kind, MmuIndex index, out Piece first, out int head, out Piece second, out MmuFault fault)
    {
        second = default;
        first = default;
        head = (int)Math.Min((ulong)length, (~va & ~Tlb.PageMask) + 1);
        var aligned = length <= 1 || (va & (uint)(AlignmentOf(length) - 1)) == 0;
        if (!aligned && (Cpu->SctlrEl1 & SctlrA) != 0)
        {
            fault = AlignmentFault(va, kind);
            return false;
        }

        if (!TranslateData(va, head, kind, index, out first, out fault))
            return false;
        if (head != length && !TranslateData(va + (ulong)head, length - head, kind, index, out second, out fault))
            return false;
        if (aligned || !(first.IsDevice || second.IsDevice))
            return true;
        fault = AlignmentFault(va, kind);
        return false;
    }

    // A vector of more than 16 bytes is a sequence of elements whose alignment its semantics method has checked.
    private static int AlignmentOf(int length) => length is 1 or 2 or 4 or 8 or 16 ? length : 1;

    private static MmuFault AlignmentFault(ulong va, AccessKind kind) =>
        new() { Address = va, Status = FaultStatus.Alignment, IsWrite = kind == AccessKind.Write };

    /// <summary>Translates [va, va + length), which lies in one page, and refills the TLB when it is plain RAM.</summary>
    private bool TranslateData(ulong va, int length, AccessKind kind, MmuIndex index, out Piece piece, out MmuFault fault)
    {
        Counters.TlbMisses++;
        piece = default;
        fault = new MmuFault { Address = va, IsWrite = kind == AccessKind.Write };
        if (!Stage1Walker.TryTranslate(Cpu, _memory, va, index, kind, out var translation, out fault.Status))
            return false;
        if (!(kind == AccessKind.Write ? translation.CanWrite : translation.CanRead))
        {
            fault.Status = (byte)(FaultStatus.Permission | translation.Level);
            return false;
        }

        if (_watchpointsArmed && HitsWatchpoint(va, length, kind, index, ref fault))
            return false;
        if (_debugger is not null && IsWatchedByDebugger(va, length, kind, ref fault))
            return false;
        piece.IsDevice = translation.IsDevice;
        var page = translation.Ipa & Tlb.PageMask;
        var inRam = kind == AccessKind.Write
            ? _memory.TryAcquireStore(page, 1 << Tlb.PageShift, out var host)
            : _memory.TryAcquireRead(page, 1 << Tlb.PageShift, out host);
        if (!inRam)
        {
            fault.OutsideRam = true;
            fault.Ipa = translation.Ipa;
            return false;
        }

        piece.Host = host + (va & ~Tlb.PageMask);
        Refill(va, kind, index, host, in translation);
        return true;
    }

    private void Refill(ulong va, AccessKind kind, MmuIndex index, byte* host, in Stage1Translation translation)
    {
        var entry = _tlb.Entry(index, va);
        var page = va & Tlb.PageMask;
        var addend = (nint)((ulong)host - page);
        if (entry->Addend != addend || (entry->ReadTag != page && entry->WriteTag != page && !entry->CanFetch(page)))
            *entry = new TlbEntry { ReadTag = TlbEntry.Empty, WriteTag = TlbEntry.Empty, FetchTag = TlbEntry.Empty, Addend = addend };

        _tlb.NoteFill(index, va, translation.MappedShift, translation.IsGlobal);

        // Data accesses that must be aligned, or that a watchpoint may stop, always take the slow path, which checks them.
        var direct = !translation.IsDevice && (Cpu->SctlrEl1 & SctlrA) == 0
            && !(_watchpointsArmed && SelfHostedDebug.MayWatchPage(Cpu, va))
            && !(_debugger is { } debugger && debugger.MayWatchPage(va));
        if (translation.CanRead && direct)
            entry->ReadTag = page;
        if (kind == AccessKind.Write && direct)
            entry->WriteTag = page;
        if (translation.CanFetch)
            entry->FetchTag = page | (translation.IsGuarded && _hasBranchTargets ? TlbEntry.Guarded : 0);
    }

    /// <summary>Turns a failed data access into the exception or exit that the architecture gives it. Always false.</summary>
    private bool Fail(in MmuFault fault, int length, AccessInfo info, byte* storeData)
    {
        if (fault.OutsideRam)
        {
            LeaveForDataAbort(in fault, length, info, storeData);
            FaultResult = StepResult.Exit;
            return false;
        }

        if (fault.Status == WatchedByDebugger)
        {
            LeaveForWatchpoint(in fault);
            return false;
        }

        var exceptionClass = fault.Status == FaultStatus.Debug ? ExceptionClass.WatchpointLower : ExceptionClass.DataAbortLower;
        if (Cpu->El != 0)
            exceptionClass++;
        FaultResult = TakeException(exceptionClass, fault.Status | (fault.IsWrite ? IssWnr : 0), fault.Address, Cpu->Pc);
        return false;
    }

    private void LeaveForDataAbort(in MmuFault fault, int length, AccessInfo info, byte* storeData)
    {
        // A stage-2 translation fault: the slot table has no levels, so level 1 stands for "nothing mapped".
        const uint StageTwoTranslation = FaultStatus.Translation | 1;
        var valid = info.SyndromeValid && length is 1 or 2 or 4 or 8;
        var iss = StageTwoTranslation | (fault.IsWrite ? IssWnr : 0);
        if (valid)
            iss |= info.Iss | ((uint)System.Numerics.BitOperations.Log2((uint)length) << 22);
        ulong data = 0;
        if (fault.IsWrite && valid && storeData != null)
            Unsafe.CopyBlockUnaligned(&data, storeData, (uint)length);
        Cpu->Exit = new ExitInfo
        {
            Reason = ExitReason.DataAbort,
            Esr = ExceptionClass.Syndrome(ExceptionClass.DataAbortLower, iss),
            Far = fault.Address,
            Ipa = fault.Ipa,
            Size = (byte)Math.Min(length, byte.MaxValue),
            IsWrite = fault.IsWrite,
            SyndromeValid = valid,
            SignExtend = valid && info.SignExtend,
            SixtyFour = valid && info.SixtyFour,
            Rt = valid ? info.Rt : (byte)0,
            Data = data,
        };
    }
}
