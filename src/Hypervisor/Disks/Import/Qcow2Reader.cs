using System.Buffers.Binary;
using System.IO.Compression;
using CloudVm.Contracts.Images;
using Microsoft.Win32.SafeHandles;

namespace CloudVm.Hypervisor.Disks.Import;

/// <summary>
/// Reads the active disk of a qcow2 image (QEMU's docs/interop/qcow2.txt): a table of tables of clusters. Reference counts and internal
/// snapshots do not concern it.
/// </summary>
internal sealed class Qcow2Reader
{
    private const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    private const ulong CompressedFlag = 1UL << 62;
    private const ulong ZeroFlag = 1;
    private const int L1Slice = 8192;
    private const int SectorBytes = 512;

    /// <summary>No compressed cluster with data is smaller; counts how many the file can have.</summary>
    private const int MinCompressedBytes = 8;

    private readonly SafeFileHandle _file;
    private readonly long _fileBytes;
    private readonly DiskImageHeader _header;
    private readonly int _clusterBytes;
    private readonly byte[] _l2;
    private readonly byte[] _cluster;
    private readonly byte[] _compressed;
    private long _plainBytes;
    private long _compressedClusters;

    public Qcow2Reader(SafeFileHandle file, long fileBytes, DiskImageHeader header)
    {
        _file = file;
        _fileBytes = fileBytes;
        _header = header;
        _clusterBytes = 1 << header.ClusterBits;
        _l2 = new byte[_clusterBytes];
        _cluster = new byte[_clusterBytes];
        _compressed = new byte[(2 * _clusterBytes) + SectorBytes]; // the length field reaches no further
    }

    /// <summary>Writes every cluster that holds data.</summary>
    /// <exception cref="DiskException">The image is damaged.</exception>
    public void CopyTo(SparseWriter output, CancellationToken ct)
    {
        var l2Entries = _clusterBytes / sizeof(ulong);
        var slice = new byte[L1Slice * sizeof(ulong)];
        for (var first = 0; first < _header.L1Entries; first += L1Slice)
        {
            var count = Math.Min(L1Slice, _header.L1Entries - first);
            ReadExactly(_header.L1Offset + ((long)first * sizeof(ulong)), slice.AsSpan(0, count * sizeof(ulong)), "The first table");
            for (var i = 0; i < count; i++)
            {
                ct.ThrowIfCancellationRequested();
                var table = (long)(BinaryPrimitives.ReadUInt64BigEndian(slice.AsSpan(i * sizeof(ulong))) & OffsetMask);
                if (table == 0)
                    continue;
                if (table % _clusterBytes != 0)
                    throw Damaged($"Table {first + i} is not aligned.");
                ReadExactly(table, _l2, $"Table {first + i}");
                CopyTable((long)(first + i) * l2Entries, output, ct);
            }
        }
    }

    private void CopyTable(long firstCluster, SparseWriter output, CancellationToken ct)
    {
        for (var i = 0; i < _l2.Length / sizeof(ulong); i++)
        {
            var offset = (firstCluster + i) << _header.ClusterBits;
            if (offset >= _header.VirtualSizeBytes)
                return;
            var entry = BinaryPrimitives.ReadUInt64BigEndian(_l2.AsSpan(i * sizeof(ulong)));
            if ((entry & CompressedFlag) != 0)
            {
                ct.ThrowIfCancellationRequested();
                ReadCompressed(entry, firstCluster + i);
                output.Write(offset, _cluster);
            }
            else if ((entry & OffsetMask) != 0 && (_header.Version == 2 || (entry & ZeroFlag) == 0))
            {
                ReadPlain((long)(entry & OffsetMask), firstCluster + i);
                output.Write(offset, _cluster);
            }
        }
    }

    private void ReadPlain(long at, long number)
    {
        if (at % _clusterBytes != 0)
            throw Damaged($"Cluster {number} is not aligned.");

        // Each has a place of its own in a sound image; one that is named again and again would make a small file fill the host.
        _plainBytes += _clusterBytes;
        if (_plainBytes > _fileBytes + _clusterBytes)
            throw Damaged("Its tables name more data than the file has.");
        if (at >= _fileBytes)
            throw Damaged($"Cluster {number} lies outside the file.");
        HostFile.ReadZeroExtended(_file, _cluster, at); // the last one may end early
    }

    private void ReadCompressed(ulong entry, long number)
    {
        var offsetBits = 62 - (_header.ClusterBits - 8);
        var at = (long)(entry & ((1UL << offsetBits) - 1));
        var sectors = (int)((entry & (CompressedFlag - 1)) >> offsetBits) + 1;
        var length = ((long)sectors * SectorBytes) - (at % SectorBytes);
        if (at >= _fileBytes)
            throw Damaged($"Cluster {number} lies outside the file.");
        if (++_compressedClusters * MinCompressedBytes > _fileBytes)
            throw Damaged("Its tables name more compressed clusters than the file has room for.");
        var compressed = _compressed.AsSpan(0, (int)Math.Min(length, _fileBytes - at));
        HostFile.ReadZeroExtended(_file, compressed, at);
        try
        {
            if (_header.IsZstd)
                Zstd.Decompress(_cluster, compressed);
            else
                Inflate(compressed.Length);
        }
        catch (InvalidDataException e)
        {
            throw new DiskException($"The image is damaged: cluster {number} cannot be decompressed ({e.Message})", e);
        }
    }

    private void Inflate(int length)
    {
        using var memory = new MemoryStream(_compressed, 0, length, writable: false);
        using var stream = new DeflateStream(memory, CompressionMode.Decompress);
        if (stream.ReadAtLeast(_cluster, _cluster.Length, throwOnEndOfStream: false) != _cluster.Length)
            throw new InvalidDataException("The deflate stream ends early.");
    }

    private void ReadExactly(long at, Span<byte> destination, string what)
    {
        if (at < 0 || at > _fileBytes - destination.Length)
            throw Damaged($"{what} lies outside the file.");
        HostFile.ReadZeroExtended(_file, destination, at);
    }

    private static DiskException Damaged(string what) => new($"The image is damaged: {what}");
}
