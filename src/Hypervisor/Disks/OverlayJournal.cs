using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks;

/// <summary>
/// The durable form of an overlay's <see cref="BlockTable"/>: a header, then records that each hold runs of blocks with their new state.
/// One record is one commit, with a number and a checksum, and it is durable before the next one is written. So the first record that is not sound is
/// the end (the host died while it was written), unless a later one is sound: then what lies between was damaged, and nothing is guessed.
/// Once the records outgrow the table they are written anew into another file, which takes the old one's place at once.
/// </summary>
/// <remarks>
/// Little-endian. Header (<see cref="HeaderBytes"/>): magic, version, block size, identity, disk size, base size or -1, CRC-32C of the
/// header. Record: CRC-32C of identity and all that follows, number of runs, sequence number, runs of (first block, count shifted left by two
/// and state). Thread: one at a time.
/// </remarks>
internal sealed class OverlayJournal : IDisposable
{
    private const uint Version = 1;
    private const int HeaderBytes = 56;
    private const int RecordHeaderBytes = 16;
    private const int RunBytes = 8;
    private const int MaxRuns = 16 * 1024;
    private const int MinCompactionBytes = 256 * 1024;
    private const int CompactionFactor = 4;

    private readonly string _path;
    private readonly Guid _identity;
    private readonly long _sizeBytes;
    private readonly long _baseBytes;
    private readonly HostStorage _storage;
    private SafeFileHandle? _file;
    private ulong _sequence;
    private long _end;
    private long _compactAt;
    private bool _mustRewrite;

    private OverlayJournal(string path, Guid identity, long sizeBytes, long baseBytes, HostStorage storage)
    {
        _path = path;
        _identity = identity;
        _sizeBytes = sizeBytes;
        _baseBytes = baseBytes;
        _storage = storage;
    }

    private static ReadOnlySpan<byte> Magic => "CVMDISK\u0001"u8;

    /// <summary>Makes the journal of an overlay without any blocks.</summary>
    public static OverlayJournal Create(string path, long sizeBytes, long baseBytes, HostStorage storage)
    {
        var journal = new OverlayJournal(path, Guid.NewGuid(), sizeBytes, baseBytes, storage);
        journal.Rewrite([]);
        return journal;
    }

    /// <summary>Reads a journal, and grows the overlay if a larger size is wanted.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sizeBytes">Size of the disk, at least the journal's.</param>
    /// <param name="baseBytes">Size of the base, the journal's; -1 for none.</param>
    /// <param name="table">Receives the states.</param>
    /// <param name="storage">Writes and flushes.</param>
    /// <exception cref="DiskException">It is damaged, or of another disk.</exception>
    public static OverlayJournal Open(string path, long sizeBytes, long baseBytes, BlockTable table, HostStorage storage)
    {
        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        try
        {
            var header = new byte[HeaderBytes];
            HostFile.ReadZeroExtended(file, header, 0);
            if (!header.AsSpan().StartsWith(Magic) || BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(52)) != Crc32C(uint.MaxValue, header.AsSpan(0, 52)))
                throw new DiskException($"{path} is no overlay journal, or its header is damaged.");
            var version = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
            var blockBytes = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(12));
            if (version != Version || blockBytes != OverlayDisk.BlockBytes)
                throw new DiskException($"{path} has version {version} with blocks of {blockBytes} bytes; understood is version {Version} with {OverlayDisk.BlockBytes}.");
            var storedSize = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(32));
            var storedBase = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(40));
            if (storedSize > sizeBytes)
                throw new DiskException($"{path} is of a disk of {storedSize} bytes; a disk cannot shrink to {sizeBytes}, since its end would be lost.");
            if (storedBase != baseBytes)
                throw new DiskException($"{path} lies over {Describe(storedBase)}, not over {Describe(baseBytes)}.");

            var journal = new OverlayJournal(path, new Guid(header.AsSpan(16, 16)), sizeBytes, baseBytes, storage) { _file = file };
            journal.Load(table, storedSize);
            if (storedSize != sizeBytes)
                journal.Rewrite(table.Present());
            return journal;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes the table's pending changes durable. The blocks they name must be durable already.</summary>
    /// <exception cref="IOException">The host's storage failed; the changes are still pending.</exception>
    public void Commit(BlockTable table)
    {
        if (!table.HasPending)
            return;
        BlockRun[] runs = [.. table.Pending().Take(MaxRuns + 1)];
        if (runs.Length > MaxRuns || _end > _compactAt || _mustRewrite)
        {
            Rewrite(table.Present());
        }
        else
        {
            var record = Encode(runs, _sequence + 1);
            _storage.Write(_file!, record, _end);
            _storage.Flush(_file!);
            _sequence++;
            _end += record.Length;
        }

        table.Settle();
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    /// <summary>Writes header and table into a new file. Its records keep to the limit, so their reader needs little memory.</summary>
    private void Rewrite(IEnumerable<BlockRun> runs)
    {
        ulong sequence = 0;
        long end = HeaderBytes;
        _mustRewrite = true; // until it is done: after a failure half-way the open file may no longer be the one of that name
        HostFile.Replace(_path, _storage, file =>
        {
            _storage.Write(file, EncodeHeader(), 0);
            foreach (var part in runs.Chunk(MaxRuns))
            {
                var record = Encode(part, ++sequence);
                _storage.Write(file, record, end);
                end += record.Length;
            }
        });
        _file?.Dispose();
        _file = File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        _sequence = sequence;
        _end = end;
        _compactAt = Math.Max(MinCompactionBytes, end * CompactionFactor);
        _mustRewrite = false;
    }

    private void Load(BlockTable table, long storedSize)
    {
        var blocks = (int)((storedSize + OverlayDisk.BlockBytes - 1) / OverlayDisk.BlockBytes);
        var length = RandomAccess.GetLength(_file!);
        _end = HeaderBytes;
        while (ReadRecord(_end, length, _sequence + 1) is { } runs)
        {
            foreach (var run in runs)
            {
                if (run.First < 0 || run.Count <= 0 || run.Count > blocks - run.First || !Enum.IsDefined(run.State))
                    throw new DiskException($"{_path} names blocks that the disk does not have.");
                for (var block = run.First; block < run.First + run.Count; block++)
                    table.Load(block, run.State);
            }

            _sequence++;
            _end += RecordHeaderBytes + (runs.Length * (long)RunBytes);
        }

        if (_end < length)
        {
            RefuseDamage(length);
            RandomAccess.SetLength(_file!, _end);
            _storage.Flush(_file!);
        }

        _compactAt = Math.Max(MinCompactionBytes, _end * CompactionFactor);
    }

    /// <summary>A sound record after one that is not sound means that something acknowledged was destroyed.</summary>
    private void RefuseDamage(long length)
    {
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        for (var at = _end; at + RecordHeaderBytes <= length; at += sizeof(uint))
        {
            HostFile.ReadZeroExtended(_file!, header, at);
            var sequence = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
            if (sequence > _sequence + 1 && sequence < _sequence + (ulong)length && ReadRecord(at, length, sequence) is not null)
                throw new DiskException($"{_path} is damaged at byte {_end}: record {sequence} is sound, but record {_sequence + 1} is not.");
        }
    }

    private BlockRun[]? ReadRecord(long offset, long length, ulong sequence)
    {
        if (length - offset < RecordHeaderBytes)
            return null;
        Span<byte> header = stackalloc byte[RecordHeaderBytes];
        HostFile.ReadZeroExtended(_file!, header, offset);
        var count = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (count is 0 or > MaxRuns || BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) != sequence
            || length - offset < RecordHeaderBytes + ((long)count * RunBytes))
            return null;
        var record = new byte[RecordHeaderBytes + (count * RunBytes)];
        HostFile.ReadZeroExtended(_file!, record, offset);
        if (BinaryPrimitives.ReadUInt32LittleEndian(record) != Checksum(record.AsSpan(4)))
            return null;
        var runs = new BlockRun[count];
        for (var i = 0; i < runs.Length; i++)
        {
            var run = record.AsSpan(RecordHeaderBytes + (i * RunBytes));
            var countAndState = BinaryPrimitives.ReadUInt32LittleEndian(run[4..]);
            runs[i] = new BlockRun(BinaryPrimitives.ReadInt32LittleEndian(run), (int)(countAndState >> 2), (BlockState)(countAndState & 3));
        }

        return runs;
    }

    private byte[] Encode(ReadOnlySpan<BlockRun> runs, ulong sequence)
    {
        var record = new byte[RecordHeaderBytes + (runs.Length * RunBytes)];
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(4), runs.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(record.AsSpan(8), sequence);
        for (var i = 0; i < runs.Length; i++)
        {
            var run = record.AsSpan(RecordHeaderBytes + (i * RunBytes));
            BinaryPrimitives.WriteInt32LittleEndian(run, runs[i].First);
            BinaryPrimitives.WriteUInt32LittleEndian(run[4..], ((uint)runs[i].Count << 2) | (uint)runs[i].State);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(record, Checksum(record.AsSpan(4)));
        return record;
    }

    private byte[] EncodeHeader()
    {
        var header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), OverlayDisk.BlockBytes);
        _identity.TryWriteBytes(header.AsSpan(16));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), _sizeBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(40), _baseBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(52), Crc32C(uint.MaxValue, header.AsSpan(0, 52)));
        return header;
    }

    /// <summary>Starts with the identity, so that a record of another overlay is never taken for one of this.</summary>
    private uint Checksum(ReadOnlySpan<byte> record)
    {
        Span<byte> identity = stackalloc byte[16];
        _identity.TryWriteBytes(identity);
        return Crc32C(Crc32C(uint.MaxValue, identity), record);
    }

    private static uint Crc32C(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(data))
            crc = BitOperations.Crc32C(crc, word);
        foreach (var value in data[(data.Length & ~7)..])
            crc = BitOperations.Crc32C(crc, value);
        return crc;
    }

    private static string Describe(long baseBytes) => baseBytes < 0 ? "no base" : $"a base of {baseBytes} bytes";
}
