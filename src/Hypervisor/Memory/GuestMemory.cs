namespace CloudVm.Hypervisor.Memory;

/// <summary>
/// The guest's RAM: one contiguous range of guest physical addresses on zeroed host memory. Every access by anyone (vCPU TLB fills,
/// table walks, devices, the debugger, snapshots) goes through <see cref="TryAcquireRead"/> or <see cref="TryAcquireWrite"/>, so that
/// writes are tracked and decoded code is dropped. What they lend must not be kept beyond the call, except by a vCPU's TLB, which
/// drops its entries on <see cref="WriteTrackingRestarted"/>.
/// </summary>
/// <remarks>Thread: any. Tracking bits change by interlocked operations.</remarks>
public sealed unsafe partial class GuestMemory : IDisposable
{
    /// <summary>Tracking granule, and the size of a snapshot chunk.</summary>
    public const int ChunkSize = 64 * 1024;

    private const int ChunkShift = 16;
    private readonly ulong[] _touched;
    private readonly ulong[] _dirty;
    private byte* _memory;

    /// <param name="baseAddress">First guest physical address; a multiple of <see cref="ChunkSize"/>.</param>
    /// <param name="sizeBytes">Size; a positive multiple of <see cref="ChunkSize"/>.</param>
    public GuestMemory(ulong baseAddress, long sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        if (sizeBytes % ChunkSize != 0 || baseAddress % ChunkSize != 0)
            throw new ArgumentException($"Guest memory must start at and be a multiple of {ChunkSize} bytes.", nameof(sizeBytes));
        Base = baseAddress;
        Size = sizeBytes;
        ChunkCount = checked((int)(sizeBytes >> ChunkShift));
        _touched = new ulong[(ChunkCount + 63) / 64];
        _dirty = new ulong[_touched.Length];
        _memory = HostPages.Reserve((nuint)sizeBytes);
        CodePages = new CodePageMap(sizeBytes);
    }

    /// <summary>
    /// Raised when pages that were already written must be reported again, or what is RAM has changed: whoever caches permission or
    /// pointers drops them.
    /// </summary>
    public event Action? WriteTrackingRestarted;

    public ulong Base { get; }

    /// <summary>Size in bytes.</summary>
    public long Size { get; }

    public int ChunkCount { get; }

    public CodePageMap CodePages { get; }

    /// <summary>Whether all of [gpa, gpa + length) is RAM.</summary>
    public bool Contains(ulong gpa, int length) => Contains(gpa, length, forWriting: false);

    private bool Contains(ulong gpa, int length, bool forWriting)
    {
        var offset = gpa - Base;
        return offset < (ulong)Size && (ulong)length <= (ulong)Size - offset
            && (Volatile.Read(ref _parts) is not { } parts || IsRam(parts, gpa, (ulong)length, forWriting));
    }

    /// <summary>Lends host memory for reading [gpa, gpa + length); false if any of it is outside RAM.</summary>
    public bool TryAcquireRead(ulong gpa, int length, out byte* pointer)
    {
        if (!Contains(gpa, length))
        {
            pointer = null;
            return false;
        }

        pointer = _memory + (gpa - Base);
        return true;
    }

    /// <summary>
    /// Lends host memory for writing [gpa, gpa + length); false if any of it is outside RAM or read-only. Marks the range touched and
    /// dirty, and invalidates code decoded from it.
    /// </summary>
    public bool TryAcquireWrite(ulong gpa, int length, out byte* pointer)
    {
        if (!TryAcquireStore(gpa, length, out pointer))
            return false;
        if (length != 0)
            CodePages.Invalidate(gpa - Base, length);
        return true;
    }

    /// <summary>
    /// As <see cref="TryAcquireWrite"/> for a vCPU's own stores, which leave decoded code alone: on Arm they reach instruction
    /// fetch only through IC, which invalidates it.
    /// </summary>
    internal bool TryAcquireStore(ulong gpa, int length, out byte* pointer)
    {
        if (!Contains(gpa, length, forWriting: true))
        {
            pointer = null;
            return false;
        }

        pointer = _memory + (gpa - Base);
        MarkWritten(gpa, length);
        return true;
    }

    /// <summary>The guest physical address of a pointer that this object lent.</summary>
    internal ulong AddressOf(byte* pointer) => Base + (ulong)(pointer - _memory);

    /// <summary>Copies out of RAM; false, with nothing copied, if any of the range is outside it.</summary>
    public bool TryRead(ulong gpa, Span<byte> destination)
    {
        if (!TryAcquireRead(gpa, destination.Length, out var pointer))
            return false;
        new ReadOnlySpan<byte>(pointer, destination.Length).CopyTo(destination);
        return true;
    }

    /// <summary>Copies into RAM; false, with nothing copied, if any of the range is outside it.</summary>
    public bool TryWrite(ulong gpa, ReadOnlySpan<byte> source)
    {
        if (!TryAcquireWrite(gpa, source.Length, out var pointer))
            return false;
        source.CopyTo(new Span<byte>(pointer, source.Length));
        return true;
    }

    /// <summary>
    /// Gives the whole host pages of [gpa, gpa + length) back to the host; they read as zeros until they are written, and their parts at
    /// the ends keep their content. False if any of the range is outside RAM. Tracked as a write, because the content changes.
    /// </summary>
    public bool TryDiscard(ulong gpa, int length)
    {
        if (!TryAcquireWrite(gpa, length, out var pointer))
            return false;
        var page = (ulong)Environment.SystemPageSize;
        var first = ((ulong)pointer + page - 1) & ~(page - 1);
        var end = ((ulong)pointer + (ulong)length) & ~(page - 1);
        if (first < end)
            HostPages.Zero((byte*)first, (nuint)(end - first));
        return true;
    }

    /// <summary>Whether the chunk may hold anything but zeros.</summary>
    public bool IsChunkTouched(int chunk) => (Volatile.Read(ref _touched[chunk >> 6]) >> (chunk & 63) & 1) != 0;

    /// <summary>Forgets which chunks were written so far; from now on <see cref="CollectDirty"/> reports later writes.</summary>
    public void StartDirtyEpoch()
    {
        for (var i = 0; i < _dirty.Length; i++)
            Interlocked.Exchange(ref _dirty[i], 0);
        WriteTrackingRestarted?.Invoke();
    }

    /// <summary>
    /// Copies one bit per chunk written since <see cref="StartDirtyEpoch"/> (or since creation) into <paramref name="bitmap"/>,
    /// which holds at least <see cref="ChunkCount"/> bits. Bits stay set until the next epoch.
    /// </summary>
    public void CollectDirty(Span<ulong> bitmap)
    {
        for (var i = 0; i < _dirty.Length; i++)
            bitmap[i] = Volatile.Read(ref _dirty[i]);
    }

    /// <summary>Makes all RAM zero and untouched, as at power-on. No vCPU may run meanwhile.</summary>
    public void Clear()
    {
        HostPages.Zero(_memory, (nuint)Size);
        for (var i = 0; i < _touched.Length; i++)
        {
            Interlocked.Or(ref _dirty[i], _touched[i]);
            _touched[i] = 0;
        }

        CodePages.InvalidateAll();
        WriteTrackingRestarted?.Invoke();
    }

    public void Dispose()
    {
        if (_memory != null)
            HostPages.Release(_memory, (nuint)Size);
        _memory = null;
        CodePages.Dispose();
    }

    private static void SetBit(ulong[] bitmap, int index)
    {
        var bit = 1UL << (index & 63);
        ref var word = ref bitmap[index >> 6];
        if ((Volatile.Read(ref word) & bit) == 0)
            Interlocked.Or(ref word, bit);
    }
}
