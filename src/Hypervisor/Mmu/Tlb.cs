using System.Runtime.CompilerServices;
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

    /// <summary>
    /// Set in <see cref="FetchTag"/> of a page that is guarded (FEAT_BTI): who fetches must know which of the two kinds it expects.
    /// </summary>
    public const ulong Guarded = 1;

    public ulong ReadTag;
    public ulong WriteTag;
    public ulong FetchTag;
    public nint Addend;

    /// <summary>Whether instructions may be fetched from a page, guarded or not.</summary>
    public readonly bool CanFetch(ulong page) => (FetchTag & ~Guarded) == page;
}

/// <summary>Which privileges a data or instruction access has; each has its own TLB.</summary>
public enum MmuIndex
{
    El0 = 0,
    El1 = 1,

    /// <summary>EL1 with PSTATE.PAN: pages that EL0 can access fault.</summary>
    El1Pan = 2,
}

/// <summary>
/// A vCPU's software TLB: direct-mapped, one table per <see cref="MmuIndex"/>. EL0's exists once for each of the last few ASIDs, so that
/// going back to an address space finds its translations; EL1's are shared by all ASIDs, and the few of their entries that are not
/// global go when the ASID changes. A hit never looks at an ASID.
/// </summary>
/// <remarks>
/// Thread: the vCPU's. Invariant: the tables are one native allocation that lives as long as this object. Tags hold the whole
/// virtual address including an ignored top byte, so that no hit needs to know TBI; maintenance ignores the top byte.
/// </remarks>
public sealed unsafe class Tlb : IDisposable
{
    public const int PageShift = 12;
    public const ulong PageMask = ~0xfffUL;

    /// <summary>Entries per table.</summary>
    public const int Size = 1024;

    /// <summary>ASIDs whose EL0 translations are kept.</summary>
    public const int BankCount = 8;

    private const int SharedTables = 2;
    private const int MaximumPrivate = 64;

    /// <summary>log2 of the bytes of an entry.</summary>
    private const int EntryShift = 5;

    private const ulong WithoutTopByte = 0x00ff_ffff_ffff_ffff;

    private readonly Bank[] _banks = new Bank[BankCount];
    private readonly LargePages _large = new();

    /// <summary>Slots of EL1's tables that may hold translations of the current ASID only.</summary>
    private readonly int[] _private = new int[MaximumPrivate];

    private TlbEntry* _entries;
    private int _privateCount;
    private int _current;
    private long _clock;

    public Tlb()
    {
        _entries = (TlbEntry*)NativeMemory.AlignedAlloc((nuint)((SharedTables + BankCount) * Size * sizeof(TlbEntry)), 64);
        Clear(_entries, (SharedTables + BankCount) * Size);
        _banks[0].LastUse = _clock = 1;
    }

    /// <summary>First entry of an index's table.</summary>
    public TlbEntry* Table(MmuIndex index) => index == MmuIndex.El0 ? BankTable(_current) : _entries + (((int)index - 1) * Size);

    /// <summary>The entry of an address in an index's table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TlbEntry* Entry(TlbEntry* table, ulong va) =>
        (TlbEntry*)((byte*)table + ((va >> (PageShift - EntryShift)) & ((Size - 1) << EntryShift)));

    public TlbEntry* Entry(MmuIndex index, ulong va) => Entry(Table(index), va);

    /// <summary>Makes <paramref name="asid"/> the current one.</summary>
    public void SelectAsid(ushort asid)
    {
        if (_banks[_current].Asid == asid)
            return;
        _current = FindBank(asid);
        if (_banks[_current].Asid != asid)
        {
            EmptyBank(_current);
            _banks[_current].Asid = asid;
        }

        _banks[_current].LastUse = ++_clock;
        DropPrivate();
    }

    /// <summary>Says that an entry is about to be filled with a translation for an access at <paramref name="index"/>.</summary>
    /// <param name="mappedShift">log2 of the bytes that the descriptor maps.</param>
    /// <param name="isGlobal">The translation holds for every ASID.</param>
    public void NoteFill(MmuIndex index, ulong va, int mappedShift, bool isGlobal)
    {
        if (mappedShift > PageShift)
            _large.Include(va & WithoutTopByte, mappedShift);
        if (index == MmuIndex.El0)
        {
            _banks[_current].IsUsed = true;
            _banks[_current].HasGlobal |= isGlobal;
            return;
        }

        if (isGlobal)
            return;
        var slot = (int)(Entry(index, va) - _entries);
        if (_privateCount <= MaximumPrivate && (_privateCount == 0 || _private[_privateCount - 1] != slot))
        {
            if (_privateCount < MaximumPrivate)
                _private[_privateCount] = slot;
            _privateCount++;
        }
    }

    /// <summary>Drops everything.</summary>
    public void Flush()
    {
        Clear(_entries, SharedTables * Size);
        FlushBanks();
        _large.Clear();
        _privateCount = 0;
    }

    /// <summary>Drops what a maintenance instruction names, and perhaps more.</summary>
    public void Invalidate(in TlbInvalidation invalidation)
    {
        switch (invalidation.Scope)
        {
            case TlbScope.Asid:
                DropAsid(invalidation.Asid);
                break;
            case TlbScope.Range or TlbScope.RangeOfAsid:
                DropRange(in invalidation);
                break;
            default:
                Flush();
                break;
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_entries);
        _entries = null;
    }

    private static void Clear(TlbEntry* entries, int count) => NativeMemory.Fill(entries, (nuint)(count * sizeof(TlbEntry)), 0xff);

    private static void ClearEntry(TlbEntry* entry) =>
        *entry = new TlbEntry { ReadTag = TlbEntry.Empty, WriteTag = TlbEntry.Empty, FetchTag = TlbEntry.Empty };

    private TlbEntry* BankTable(int bank) => _entries + ((SharedTables + bank) * Size);

    private int FindBank(ushort asid)
    {
        var oldest = 0;
        for (var bank = 0; bank < BankCount; bank++)
        {
            if (_banks[bank].LastUse != 0 && _banks[bank].Asid == asid)
                return bank;
            if (_banks[bank].LastUse < _banks[oldest].LastUse)
                oldest = bank;
        }

        return oldest;
    }

    private void DropAsid(ushort asid)
    {
        for (var bank = 0; bank < BankCount; bank++)
        {
            if (_banks[bank].Asid == asid)
                EmptyBank(bank);
        }

        if (_banks[_current].Asid == asid)
            DropPrivate();
    }

    private void FlushBanks()
    {
        for (var bank = 0; bank < BankCount; bank++)
            EmptyBank(bank);
    }

    private void EmptyBank(int bank)
    {
        if (_banks[bank].IsUsed)
            Clear(BankTable(bank), Size);
        _banks[bank].IsUsed = false;
        _banks[bank].HasGlobal = false;
    }

    /// <summary>Drops EL1's translations of the current ASID.</summary>
    private void DropPrivate()
    {
        if (_privateCount > MaximumPrivate)
        {
            Clear(_entries, SharedTables * Size);
        }
        else
        {
            for (var i = 0; i < _privateCount; i++)
                ClearEntry(_entries + _private[i]);
        }

        _privateCount = 0;
    }

    private void DropRange(in TlbInvalidation invalidation)
    {
        var start = invalidation.Start;
        var end = start + invalidation.Length;
        _large.Widen(ref start, ref end);
        DropRange(_entries, start, end);
        DropRange(_entries + Size, start, end);
        for (var bank = 0; bank < BankCount; bank++)
        {
            ref readonly var state = ref _banks[bank];
            if (state.IsUsed && (invalidation.Scope == TlbScope.Range || state.Asid == invalidation.Asid || state.HasGlobal))
                DropRange(BankTable(bank), start, end);
        }
    }

    private static void DropRange(TlbEntry* table, ulong start, ulong end)
    {
        var pages = (end - start) >> PageShift;
        var first = start >> PageShift;
        if (pages >= Size)
        {
            first = 0;
            pages = Size;
        }

        for (ulong i = 0; i < pages; i++)
        {
            var entry = table + ((first + i) & (Size - 1));
            if (Covers(entry->ReadTag, start, end) || Covers(entry->WriteTag, start, end) || Covers(entry->FetchTag, start, end))
                ClearEntry(entry);
        }
    }

    // Unused tags are above every address range once their top byte is gone, except one that ends at the very top.
    private static bool Covers(ulong tag, ulong start, ulong end)
    {
        var address = tag & PageMask & WithoutTopByte;
        return address >= start && address < end;
    }

    /// <summary>EL0's translations of one ASID. A <see cref="LastUse"/> of 0 means that the bank was never used.</summary>
    private struct Bank
    {
        public ushort Asid;
        public bool IsUsed;
        public bool HasGlobal;
        public long LastUse;
    }
}
