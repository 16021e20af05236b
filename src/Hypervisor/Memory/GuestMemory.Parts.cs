namespace CloudVm.Hypervisor.Memory;

/// <summary>Memory with holes: an address space in which only some parts are RAM.</summary>
public sealed unsafe partial class GuestMemory
{
    private const int PageSize = 1 << CodePageMap.PageShift;

    /// <summary>What is RAM, ascending and without overlap; null where all of the range is.</summary>
    private MemoryPart[]? _parts;

    /// <summary>
    /// A whole address space from 0 in which nothing is RAM until <see cref="SetParts"/>. It reserves host addresses, not memory.
    /// </summary>
    /// <param name="addressBits">Bits of a guest physical address, 16 to 40.</param>
    /// <exception cref="IOException">The host cannot reserve so many addresses.</exception>
    public static GuestMemory CreateAddressSpace(int addressBits)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(addressBits, ChunkShift);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(addressBits, 40);
        return new GuestMemory(0, 1L << addressBits) { _parts = [] };
    }

    /// <summary>What is RAM, ascending.</summary>
    public IReadOnlyList<MemoryPart> Parts => Volatile.Read(ref _parts) ?? [new MemoryPart(Base, (ulong)Size, IsReadOnly: false)];

    /// <summary>
    /// Says anew what is RAM. What leaves it loses its content, what is added is zero, what stays is kept. Cached translations and decoded
    /// code go.
    /// </summary>
    /// <param name="parts">Parts within the range that do not overlap, in any order.</param>
    /// <remarks>No vCPU may run meanwhile.</remarks>
    internal void SetParts(IEnumerable<MemoryPart> parts)
    {
        MemoryPart[] sorted = [.. parts.OrderBy(part => part.Start)];
        var before = Parts;
        Volatile.Write(ref _parts, sorted);
        foreach (var part in before)
        {
            for (var address = part.Start; address < part.End;)
                address = Reconsider(sorted, address, part.End);
        }

        WriteTrackingRestarted?.Invoke();
    }

    /// <summary>Copies into RAM whether the guest may write there or not; false, with nothing copied, if any of the range is outside it.</summary>
    public bool TryLoad(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!TryAcquireRead(gpa, source.Length, out var pointer))
            return false;
        MarkWritten(gpa, source.Length);
        if (source.Length != 0)
            CodePages.Invalidate(gpa - Base, source.Length);
        source.CopyTo(new Span<byte>(pointer, source.Length));
        return true;
    }

    /// <summary>Moves the content of a part to another address, as far as it is not zero. The two may overlap.</summary>
    /// <remarks>Both must be RAM, or lie in the range and become RAM next. No vCPU may run meanwhile.</remarks>
    internal void MoveContent(in MemoryPart from, ulong start)
    {
        var pages = from.Bytes / PageSize;
        for (ulong n = 0; n < pages; n++)
        {
            // Against the direction of the move, so that nothing is overwritten before it has moved.
            var page = (start > from.Start ? pages - 1 - n : n) * PageSize;
            var source = new Span<byte>(_memory + (from.Start - Base + page), PageSize);
            var target = new Span<byte>(_memory + (start - Base + page), PageSize);
            if (source.ContainsAnyExcept((byte)0))
            {
                source.CopyTo(target);
                MarkWritten(start + page, PageSize);
            }
            else if (target.ContainsAnyExcept((byte)0))
            {
                target.Clear();
            }
        }
    }

    /// <summary>Handles the stretch from an address to where it stops or starts being RAM; returns its end.</summary>
    private ulong Reconsider(MemoryPart[] parts, ulong address, ulong end)
    {
        var at = Array.FindLastIndex(parts, part => part.Start <= address);
        var isRam = at >= 0 && address < parts[at].End;
        var stop = isRam ? parts[at].End : at + 1 < parts.Length ? parts[at + 1].Start : ulong.MaxValue;
        stop = Math.Min(stop, end);
        if (!isRam)
            HostPages.Zero(_memory + (address - Base), (nuint)(stop - address));
        for (var offset = address - Base; offset < stop - Base; offset += ChunkSize)
            CodePages.Invalidate(offset, (int)Math.Min(ChunkSize, stop - Base - offset));
        return stop;
    }

    /// <summary>Whether all of [gpa, gpa + length), which lies in the range, is RAM that may be used so.</summary>
    private static bool IsRam(MemoryPart[] parts, ulong gpa, ulong length, bool forWriting)
    {
        var end = gpa + length;
        do
        {
            var low = 0;
            var high = parts.Length;
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = parts[middle].End <= gpa ? (middle + 1, high) : (low, middle);
            }

            if (low == parts.Length || parts[low].Start > gpa || (forWriting && parts[low].IsReadOnly))
                return false;
            gpa = parts[low].End;
        }
        while (gpa < end);
        return true;
    }

    private void MarkWritten(ulong gpa, int length)
    {
        if (length == 0)
            return;
        var offset = gpa - Base;
        var last = (int)((offset + (ulong)length - 1) >> ChunkShift);
        for (var chunk = (int)(offset >> ChunkShift); chunk <= last; chunk++)
        {
            SetBit(_touched, chunk);
            SetBit(_dirty, chunk);
        }
    }
}
