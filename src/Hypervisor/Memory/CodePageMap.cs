namespace CloudVm.Hypervisor.Memory;

/// <summary>
/// Which 4 KiB pages of RAM hold instructions that some vCPU has decoded, and a stamp per page that changes when they may have
/// changed. A decoded block remembers its page's stamp and is stale once the stamp differs.
/// </summary>
/// <remarks>Thread: any. Stamps change by interlocked operations; bit 0 says that the page has been decoded since the last change.</remarks>
public sealed unsafe class CodePageMap : IDisposable
{
    public const int PageShift = 12;

    private readonly nuint _pages;
    private int* _stamps;

    internal CodePageMap(long ramBytes)
    {
        _pages = (nuint)((ramBytes + (1 << PageShift) - 1) >> PageShift);
        _stamps = (int*)HostPages.Reserve(_pages * sizeof(int));
    }

    /// <summary>Marks the page at <paramref name="ramOffset"/> as decoded and returns its stamp.</summary>
    public int MarkCode(ulong ramOffset) => Interlocked.Or(ref _stamps[ramOffset >> PageShift], 1) | 1;

    /// <summary>Where the stamp of the page at <paramref name="ramOffset"/> is, for whoever looks at it often. Lives as long as this object.</summary>
    internal int* StampAddress(ulong ramOffset) => _stamps + (ramOffset >> PageShift);

    /// <summary>Whether a block stamped with <paramref name="stamp"/> is still what memory holds.</summary>
    public bool IsCurrent(ulong ramOffset, int stamp) => Volatile.Read(ref _stamps[ramOffset >> PageShift]) == stamp;

    /// <summary>Changes the stamps of decoded pages in the range. True if there was any.</summary>
    public bool Invalidate(ulong ramOffset, int length)
    {
        var any = false;
        var last = (ramOffset + (ulong)length - 1) >> PageShift;
        for (var page = ramOffset >> PageShift; page <= last; page++)
        {
            var stamp = Volatile.Read(ref _stamps[page]);
            if ((stamp & 1) != 0)
            {
                any = true;
                Interlocked.CompareExchange(ref _stamps[page], stamp + 1, stamp);
            }
        }

        return any;
    }

    /// <summary>Changes the stamps of all decoded pages.</summary>
    public void InvalidateAll()
    {
        for (nuint page = 0; page < _pages; page++)
        {
            var stamp = Volatile.Read(ref _stamps[page]);
            if ((stamp & 1) != 0)
                Interlocked.CompareExchange(ref _stamps[page], stamp + 1, stamp);
        }
    }

    public void Dispose()
    {
        if (_stamps != null)
            HostPages.Release((byte*)_stamps, _pages * sizeof(int));
        _stamps = null;
    }
}
