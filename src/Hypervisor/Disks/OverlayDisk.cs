using CloudVm.Hypervisor.Devices.Virtio.Block;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks;

/// <summary>Which files a disk is made of.</summary>
/// <param name="OverlayPath">Data file; beside it lie <c>.map</c>, the journal, and <c>.lock</c>.</param>
/// <param name="SizeBytes">Size of the disk: a positive multiple of 512, at most <see cref="OverlayDisk.MaxSizeBytes"/>.</param>
/// <param name="BasePath">Raw image below, opened read-only and shared; null for none.</param>
/// <param name="IsReadOnly">The guest may not write.</param>
public sealed record OverlayFiles(string OverlayPath, long SizeBytes, string? BasePath = null, bool IsReadOnly = false)
{
    internal HostStorage Storage { get; init; } = HostStorage.Default;
}

/// <summary>
/// A disk as a private copy-on-write overlay on a read-only base. Blocks of <see cref="BlockBytes"/> lie in a sparse file at their own
/// offsets; a journal says which of them count.
/// </summary>
/// <remarks>
/// <para>
/// Whatever dies when, everything that a <see cref="Flush"/> acknowledged is there, and each sector written since holds its old or its new
/// content. This rests on three rules. A block that becomes the overlay's own is written as a whole before anything names it, so stale
/// bytes of the data file are never read. Data is durable before the journal names it. A block that the journal calls Data is only ever
/// overwritten in place, or emptied, or, after it was emptied, written as a whole again: in each case a sector holds one of the guest's own values.
/// </para>
/// <para>Thread: any; calls exclude each other.</para>
/// </remarks>
public sealed partial class OverlayDisk : IBlockBackend
{
    /// <summary>Unit of copying, of tracking and of snapshots, in bytes.</summary>
    public const int BlockBytes = 64 * 1024;

    /// <summary>Largest disk, in bytes: 2 TiB, whose table takes 16 MiB of the process's memory.</summary>
    public const long MaxSizeBytes = 2L << 40;

    /// <summary>Alignment of all accesses, in bytes.</summary>
    public const int SectorBytes = 512;

    private readonly Lock _gate = new();
    private readonly byte[] _block = new byte[BlockBytes];
    private readonly HostStorage _storage;
    private readonly SafeFileHandle _lock;
    private readonly SafeFileHandle _data;
    private readonly SafeFileHandle? _base;
    private readonly long _baseBytes;
    private readonly OverlayJournal _journal;
    private readonly BlockTable _table;
    private string? _failure;
    private bool _written;
    private bool _disposed;

    private OverlayDisk(
        OverlayFiles files, SafeFileHandle lockFile, SafeFileHandle data, SafeFileHandle? baseFile, long baseBytes, OverlayJournal journal, BlockTable table)
    {
        SizeBytes = files.SizeBytes;
        IsReadOnly = files.IsReadOnly;
        _storage = files.Storage;
        _lock = lockFile;
        _data = data;
        _base = baseFile;
        _baseBytes = Math.Max(0, baseBytes);
        _journal = journal;
        _table = table;
    }

    /// <inheritdoc/>
    public long SizeBytes { get; }

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <summary>Number of blocks; the last one may be partly past the disk's end.</summary>
    public int BlockCount => _table.Count;

    /// <summary>Bytes that the overlay holds itself, in whole blocks.</summary>
    public long AllocatedBytes => (long)_table.DataBlocks * BlockBytes;

    /// <summary>Opens a disk. Its overlay is created when neither data nor journal are there, and grows to the size wanted.</summary>
    /// <exception cref="DiskException">The files do not fit, are damaged, or another process uses them.</exception>
    public static OverlayDisk Open(OverlayFiles files)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(files.SizeBytes);
        if (files.SizeBytes % SectorBytes != 0 || files.SizeBytes > MaxSizeBytes)
            throw new DiskException($"A disk has a multiple of {SectorBytes} bytes, at most {MaxSizeBytes}, not {files.SizeBytes}.");
        var opened = new List<IDisposable>();
        try
        {
            return Open(files, opened);
        }
        catch (Exception failure)
        {
            foreach (var resource in opened)
                resource.Dispose();
            if (failure is DiskException || failure is not (IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException))
                throw;
            throw new DiskException($"The disk's files cannot be opened: {failure.Message}", failure);
        }
    }

    /// <summary>Removes an overlay's files, those of an unfinished change included.</summary>
    public static void Delete(string overlayPath)
    {
        foreach (var suffix in (ReadOnlySpan<string>)["", ".map.new", ".map", ".lock"])
            File.Delete(overlayPath + suffix);
    }

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> destination)
    {
        CheckRange(offset, destination.Length);
        lock (_gate)
        {
            DemandOpen();
            ReadLocked(offset, destination);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The host's storage failed or is full. Each sector then has its old or its new content.</exception>
    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        CheckRange(offset, source.Length);
        lock (_gate)
        {
            DemandWritable();
            WriteLocked(offset, source);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">
    /// The host's storage failed. From then on the disk takes no writes: the host may have dropped what it could not write, so a later success would mean nothing.
    /// </exception>
    public void Flush()
    {
        lock (_gate)
        {
            DemandOpen();
            FlushLocked();
        }
    }

    /// <inheritdoc/>
    public void Discard(long offset, long length)
    {
        CheckRange(offset, length);
        lock (_gate)
        {
            DemandWritable();
            var first = (int)((offset + BlockBytes - 1) / BlockBytes);
            EmptyLocked(first, EndOfWholeBlocks(offset + length) - first, mayUnmap: true);
        }
    }

    /// <inheritdoc/>
    public void WriteZeroes(long offset, long length, bool mayUnmap)
    {
        CheckRange(offset, length);
        lock (_gate)
        {
            DemandWritable();
            var first = (int)((offset + BlockBytes - 1) / BlockBytes);
            var end = EndOfWholeBlocks(offset + length);
            if (end <= first)
            {
                WriteZeroesLocked(offset, length);
                return;
            }

            WriteZeroesLocked(offset, ((long)first * BlockBytes) - offset);
            EmptyLocked(first, end - first, mayUnmap);
            var rest = Math.Min((long)end * BlockBytes, SizeBytes);
            WriteZeroesLocked(rest, offset + length - rest);
        }
    }

    /// <summary>Where a block's content is.</summary>
    public BlockState StateOf(int block)
    {
        lock (_gate)
            return _table[block];
    }

    /// <summary>Copies the bits of all blocks in <paramref name="state"/> (Data or Zero), one per block.</summary>
    public void CollectState(BlockState state, Span<ulong> bitmap)
    {
        lock (_gate)
            _table.Collect(state, bitmap);
    }

    /// <summary>Forgets which blocks were changed so far; from now on <see cref="CollectDirty"/> reports later changes.</summary>
    public void StartDirtyEpoch()
    {
        lock (_gate)
            _table.StartDirtyEpoch();
    }

    /// <summary>Copies one bit per block changed since <see cref="StartDirtyEpoch"/>, all of them before the first; bits stay set until the next epoch.</summary>
    public void CollectDirty(Span<ulong> bitmap)
    {
        lock (_gate)
            _table.CollectDirty(bitmap);
    }

    /// <summary>Reads whole blocks; what lies past the disk's end is zero.</summary>
    public void ReadBlocks(int first, Span<byte> destination)
    {
        CheckBlocks(first, destination.Length);
        lock (_gate)
        {
            DemandOpen();
            var offset = (long)first * BlockBytes;
            var length = (int)Math.Min(destination.Length, SizeBytes - offset);
            ReadLocked(offset, destination[..length]);
            destination[length..].Clear();
        }
    }

    /// <summary>Writes whole blocks, also of a read-only disk: a restore fills a new overlay with it.</summary>
    public void WriteBlocks(int first, ReadOnlySpan<byte> source)
    {
        CheckBlocks(first, source.Length);
        lock (_gate)
        {
            DemandSound();
            var offset = (long)first * BlockBytes;
            WriteLocked(offset, source[..(int)Math.Min(source.Length, SizeBytes - offset)]);
        }
    }

    /// <summary>Makes whole blocks zeros, as <see cref="WriteBlocks"/>.</summary>
    public void ZeroBlocks(int first, int count)
    {
        CheckBlocks(first, (long)count * BlockBytes);
        lock (_gate)
        {
            DemandSound();
            EmptyLocked(first, count, mayUnmap: true);
        }
    }

    /// <summary>Flushes as well as it can and lets the files go.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
                return;
            try
            {
                if (_failure is null)
                    FlushLocked();
            }
            catch (IOException)
            {
                // Nobody waits for this: the guest was told at its own flushes what is durable.
            }

            _disposed = true;
            _journal.Dispose();
            _data.Dispose();
            _base?.Dispose();
            _lock.Dispose();
        }
    }

    private static OverlayDisk Open(OverlayFiles files, List<IDisposable> opened)
    {
        var lockFile = Keep(OpenLock(files.OverlayPath + ".lock"));
        SafeFileHandle? baseFile = null;
        long baseBytes = -1;
        if (files.BasePath is { } basePath)
        {
            if (!File.Exists(basePath))
                throw new DiskException($"The base {basePath} is missing.");
            baseFile = Keep(File.OpenHandle(basePath, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess));
            baseBytes = RandomAccess.GetLength(baseFile);
            if (baseBytes > files.SizeBytes)
                throw new DiskException($"The base has {baseBytes} bytes; a disk of {files.SizeBytes} is too small for it.");
        }

        var mapPath = files.OverlayPath + ".map";
        var hasData = File.Exists(files.OverlayPath);
        var hasMap = File.Exists(mapPath);
        if (hasData && !hasMap)
            throw new DiskException($"The journal {mapPath} is missing: what the overlay {files.OverlayPath} holds cannot be told.");
        var table = new BlockTable((int)((files.SizeBytes + BlockBytes - 1) / BlockBytes));
        var journal = Keep(hasMap
            ? OverlayJournal.Open(mapPath, files.SizeBytes, baseBytes, table, files.Storage)
            : OverlayJournal.Create(mapPath, files.SizeBytes, baseBytes, files.Storage));

        // The journal comes first, so an overlay without data file was either just being created or has lost its data.
        if (!hasData && table.DataBlocks > 0)
            throw new DiskException($"The overlay {files.OverlayPath} is missing, and its journal names {table.DataBlocks} blocks in it.");
        var data = Keep(File.OpenHandle(
            files.OverlayPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, FileOptions.RandomAccess));
        if (RandomAccess.GetLength(data) < files.SizeBytes)
            RandomAccess.SetLength(data, files.SizeBytes);
        if (!hasData)
            HostFile.FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(files.OverlayPath))!);
        return new OverlayDisk(files, lockFile, data, baseFile, baseBytes, journal, table);

        T Keep<T>(T resource)
            where T : IDisposable
        {
            opened.Add(resource);
            return resource;
        }
    }

    /// <summary>The lock is a file of its own, since the others are replaced.</summary>
    private static SafeFileHandle OpenLock(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException busy) when (File.Exists(path))
        {
            throw new DiskException($"Another process uses this disk ({path}).", busy);
        }
    }

    private void DemandWritable()
    {
        if (IsReadOnly)
            throw new IOException("The disk is read-only.");
        DemandSound();
    }

    private void DemandSound()
    {
        DemandOpen();
        if (_failure is not null)
            throw new IOException($"The disk takes no writes since the host failed to make earlier ones durable: {_failure}");
    }

    /// <summary>A device may still be at work while its machine ends: for its guest that is an I/O error like any other.</summary>
    private void DemandOpen()
    {
        if (_disposed)
            throw new IOException("The disk is closed.");
    }

    private bool IsPastBase(int block) => (long)block * BlockBytes >= _baseBytes;

    /// <summary>Bytes of a block that belong to the disk.</summary>
    private int BytesOf(int block) => (int)Math.Min(BlockBytes, SizeBytes - ((long)block * BlockBytes));

    /// <summary>The first block that does not lie wholly before <paramref name="end"/>; the disk's end ends its last block.</summary>
    private int EndOfWholeBlocks(long end) => end == SizeBytes ? BlockCount : (int)(end / BlockBytes);

    private void CheckRange(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > SizeBytes - length || ((offset | length) & (SectorBytes - 1)) != 0)
            throw new IOException($"{length} bytes at {offset} are not whole sectors within the disk's {SizeBytes}.");
    }

    private void CheckBlocks(int first, long length)
    {
        if (first < 0 || length < 0 || length % BlockBytes != 0 || length / BlockBytes > BlockCount - first)
            throw new ArgumentOutOfRangeException(nameof(first), $"{length} bytes from block {first} on are not blocks of the disk, which has {BlockCount}.");
    }
}
