using System.Runtime.InteropServices;

namespace CloudVm.Hypervisor.Mmu;

/// <summary>
/// One 4 KiB page in the software TLB. A tag is the page's virtual address when that kind of access may go straight to host memory
/// at <c>va + Addend</c>; any set low bit makes it differ from every page address and so sends the access down the slow path.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct TlbEntry
{
    /// <summary>A tag that no page has.</summary>
    public const ulong Empty = ulong.MaxValue;

    public ulong ReadTag;
    public ulong WriteTag;
    public ulong FetchTag;
    public nint Addend;
}

/// <summary>Which privileges a data or instruction access has; each has its own TLB.</summary>
public enum MmuIndex
{
    El0 = 0,
    El1 = 1,

    /// <summary>EL1 with PSTATE.PAN: pages that EL0 can access fault.</summary>
    El1Pan = 2,
}

/// <summary>A vCPU's software TLB: direct-mapped, one table per <see cref="MmuIndex"/>.</summary>
/// <remarks>
/// Thread: the vCPU's. Invariant: the three tables are one native allocation that lives as long as this object. Tags hold the whole
/// virtual address including an ignored top byte, so that no hit needs to know TBI; maintenance ignores the top byte.
/// </remarks>
public sealed unsafe class Tlb : IDisposable
{
    public const int PageShift = 12;
    public const ulong PageMask = ~0xfffUL;

    /// <summary>Entries per MMU index.</summary>
    public const int Size = 1024;

    private const int IndexCount = 3;
    private const ulong WithoutTopByte = 0x00ff_ffff_ffff_ffff;
    private TlbEntry* _entries;
    private LargeRegion _lowLarge;
    private LargeRegion _highLarge;

    public Tlb()
    {
        _entries = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)(IndexCount * Size * sizeof(TlbEntry)), 64);
        Flush();
    }

    /// <summary>First entry of an index's table; the entry of an address is at <c>va >> PageShift &amp; (Size - 1)</c>.</summary>
    public TlbEntry* Table(MmuIndex index) => _entries + ((int)index * Size);

    public TlbEntry* Entry(MmuIndex index, ulong va) => Table(index) + ((va >> PageShift) & (Size - 1));

    /// <summary>Drops everything.</summary>
    public void Flush()
    {
        NativeMemory.Fill(_entries, (nuint)(IndexCount * Size * sizeof(TlbEntry)), 0xff);
        _lowLarge = default;
        _highLarge = default;
    }

    /// <summary>
    /// Says that entries around <paramref name="va"/> come from one descriptor that maps 2^<paramref name="shift"/> bytes: maintenance
    /// of any address in it must drop them all.
    /// </summary>
    public void NoteLarge(ulong va, int shift)
    {
        if (IsHigh(va))
            _highLarge.Include(va, shift);
        else
            _lowLarge.Include(va, shift);
    }

    /// <summary>Drops the translation of <paramref name="va"/>, whatever its top byte and however large its page is.</summary>
    public void FlushPage(ulong va)
    {
        if ((IsHigh(va) ? _highLarge : _lowLarge).Contains(va))
        {
            Flush();
            return;
        }

        for (var index = 0; index < IndexCount; index++)
        {
            var entry = Entry((MmuIndex)index, va);
            if (Matches(entry->ReadTag, va) || Matches(entry->WriteTag, va) || Matches(entry->FetchTag, va))
                *entry = new TlbEntry { ReadTag = TlbEntry.Empty, WriteTag = TlbEntry.Empty, FetchTag = TlbEntry.Empty };
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_entries);
        _entries = null;
    }

    private static bool IsHigh(ulong va) => (va >> 55 & 1) != 0;

    /// <summary>The smallest aligned power-of-two range that holds all large pages of one half of the address space.</summary>
    private struct LargeRegion
    {
        private ulong _start;
        private int _shift;

        public void Include(ulong va, int shift)
        {
            va &= WithoutTopByte;
            _start = _shift == 0 ? va : _start;
            _shift = Math.Max(_shift, shift);
            while (_start >> _shift != va >> _shift)
                _shift++;
        }

        public readonly bool Contains(ulong va) => _shift != 0 && (va & WithoutTopByte) >> _shift == _start >> _shift;
    }

    private static bool Matches(ulong tag, ulong va) =>
        tag != TlbEntry.Empty && (tag & PageMask & WithoutTopByte) == (va & PageMask & WithoutTopByte);
}
