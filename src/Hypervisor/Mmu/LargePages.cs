namespace CloudVm.Hypervisor.Mmu;

/// <summary>
/// Where translations lie that come from descriptors larger than a TLB entry: maintenance of any address in such a page must drop all
/// entries that came from it. Kept as a few regions, which only ever grow until <see cref="Clear"/>.
/// </summary>
/// <remarks>Thread: the vCPU's. Addresses have no top byte, so the two halves of the address space never fall into one region.</remarks>
internal sealed class LargePages
{
    private const int RegionCount = 8;
    private readonly Region[] _regions = new Region[RegionCount];
    private int _used;

    public void Clear() => _used = 0;

    /// <summary>Notes that <paramref name="address"/> is mapped by a descriptor of 2^<paramref name="shift"/> bytes.</summary>
    public void Include(ulong address, int shift)
    {
        var best = -1;
        var bestShift = 64;
        for (var i = 0; i < _used; i++)
        {
            var grown = _regions[i].ShiftWith(address, shift);
            if (grown < bestShift)
            {
                bestShift = grown;
                best = i;
            }
        }

        // A page inside a region that is there costs nothing; else a region of its own, as long as there is one.
        if (best >= 0 && (bestShift == _regions[best].Shift || _used == RegionCount))
        {
            ref var region = ref _regions[best];
            region = region with { Shift = bestShift, LargestPage = Math.Max(region.LargestPage, shift) };
            return;
        }

        _regions[_used++] = new Region(address, shift, shift);
    }

    /// <summary>Widens [start, end) so that it holds every large page that it touches.</summary>
    public void Widen(ref ulong start, ref ulong end)
    {
        var first = start;
        var last = end - 1;
        for (var i = 0; i < _used; i++)
        {
            var region = _regions[i];
            if (last >> region.Shift < region.Start >> region.Shift || first >> region.Shift > region.Start >> region.Shift)
                continue;
            var mask = (1UL << region.LargestPage) - 1;
            start = Math.Min(start, first & ~mask);
            end = Math.Max(end, (last | mask) + 1);
        }
    }

    /// <summary>An aligned range of 2^Shift bytes around Start whose largest pages have 2^LargestPage bytes.</summary>
    private readonly record struct Region(ulong Start, int Shift, int LargestPage)
    {
        public int ShiftWith(ulong address, int shift)
        {
            var grown = Math.Max(Shift, shift);
            while (Start >> grown != address >> grown)
                grown++;
            return grown;
        }
    }
}
