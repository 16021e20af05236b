using System.Buffers.Binary;
using System.Text;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Virtio.Block.VirtioBlockConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Block;

/// <summary>A disk. Requests are carried out one after the other, in the order of the ring.</summary>
/// <remarks>Thread: as <see cref="VirtioDevice"/>; the backend is called on the I/O thread only.</remarks>
public sealed partial class VirtioBlock : VirtioDevice
{
    private const int BounceBytes = 64 * 1024;

    private readonly IBlockBackend _backend;
    private readonly byte[] _serial = new byte[IdBytes];
    private volatile VirtioBlockState _state = new();
    private byte[]? _bounce;

    /// <param name="serial">Serial number that the guest reads: up to 20 ASCII characters.</param>
    /// <param name="backend">The content; disposed with the device.</param>
    /// <param name="memory">Guest memory.</param>
    public VirtioBlock(string serial, IBlockBackend backend, GuestMemory memory)
        : base($"virtio-blk {serial}", VirtioDeviceId.Block, FeaturesOf(backend), memory, QueueSize)
    {
        _backend = backend;
        if (serial.Length > IdBytes || !Ascii.IsValid(serial))
            throw new ArgumentException($"'{serial}' is no serial number of up to {IdBytes} ASCII characters.", nameof(serial));
        Encoding.ASCII.GetBytes(serial, _serial);
    }

    /// <inheritdoc/>
    public override int ConfigBytes => VirtioBlockConfig.ConfigBytes;

    /// <inheritdoc/>
    public override void ReadConfig(Span<byte> config) => VirtioBlockConfig.Write(config, _backend.SizeBytes, _state.Writeback);

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int size, ulong value)
    {
        if (offset == WritebackOffset && size == 1 && HasFeature(FeatureConfigWriteback))
            _state = new VirtioBlockState { Writeback = (value & 1) != 0 };
    }

    /// <inheritdoc/>
    protected internal override TimeSpan Service()
    {
        var queue = Queue(0);
        while (!ShouldYield && queue.TryTake(out var chain))
            Complete(queue, chain.Head, Execute(chain));
        return Timeout.InfiniteTimeSpan;
    }

    /// <inheritdoc/>
    protected internal override void Reset() => _state = new VirtioBlockState();

    /// <inheritdoc/>
    protected internal override void Save(StateWriter writer)
    {
        writer.WriteInt64(_backend.SizeBytes);
        _state.Save(writer);
    }

    /// <inheritdoc/>
    protected internal override Action PrepareRestore(StateReader reader)
    {
        var size = reader.ReadInt64();
        if (size != _backend.SizeBytes)
            throw new StateFormatException($"{Name} has {size} bytes in the state and {_backend.SizeBytes} here.", incompatible: true);
        var state = VirtioBlockState.Load(reader);
        return () => _state = state;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _backend.Dispose();
    }

    private static ulong FeaturesOf(IBlockBackend backend)
    {
        const ulong Always = FeatureSegMax | FeatureBlockSize | FeatureTopology | FeatureFlush | FeatureConfigWriteback;
        return Always | (backend.IsReadOnly ? FeatureReadOnly : FeatureDiscard | FeatureWriteZeroes);
    }

    /// <summary>Carries out one request and writes its status, the last byte of the writable part.</summary>
    /// <returns>Bytes written to the buffer.</returns>
    private long Execute(DescriptorChain chain)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (chain.Read(0, header) < HeaderBytes)
            throw new VirtioFaultException($"a request's header has {chain.ReadableBytes} bytes");
        if (chain.WritableBytes == 0)
            throw new VirtioFaultException("a request has no room for its status");
        var type = BinaryPrimitives.ReadUInt32LittleEndian(header);
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        byte status;
        try
        {
            status = Dispatch(chain, type, sector);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Report($"the host's storage failed, the guest sees an I/O error: {e.Message}");
            status = StatusIoError;
        }

        chain.Write(chain.WritableBytes - 1, [status]);
        return chain.WritableBytes;
    }

    private byte Dispatch(DescriptorChain chain, uint type, ulong sector)
    {
        switch (type)
        {
            case TypeIn:
                return Transfer(chain, sector, chain.WritableBytes - 1, write: false);
            case TypeOut:
                if (_backend.IsReadOnly)
                    return StatusIoError;
                var result = Transfer(chain, sector, chain.ReadableBytes - HeaderBytes, write: true);
                if (result == StatusOk && !WritesBack)
                    _backend.Flush();
                return result;
            case TypeFlush:
                if (!_backend.IsReadOnly)
                    _backend.Flush();
                return StatusOk;
            case TypeGetId:
                return chain.WritableBytes - 1 >= IdBytes && chain.Write(0, _serial) == IdBytes ? StatusOk : StatusIoError;
            case TypeDiscard or TypeWriteZeroes:
                return _backend.IsReadOnly ? StatusIoError : ClearRanges(chain, type == TypeWriteZeroes);
            default:
                return StatusUnsupported;
        }
    }

    /// <summary>A driver that cannot flush, or has chosen so, expects every write to be durable when it completes.</summary>
    private bool WritesBack => HasFeature(FeatureFlush) && (!HasFeature(FeatureConfigWriteback) || _state.Writeback);

    /// <summary>Discards or zeroes the ranges that the request lists, after checking all of them.</summary>
    private byte ClearRanges(DescriptorChain chain, bool zero)
    {
        var bytes = chain.ReadableBytes - HeaderBytes;
        if (bytes <= 0 || bytes % RangeBytes != 0 || bytes / RangeBytes > MaxRanges)
            return StatusIoError;
        Span<byte> ranges = stackalloc byte[MaxRanges * RangeBytes];
        ranges = ranges[..(int)bytes];
        chain.Read(HeaderBytes, ranges);
        for (var range = ranges; !range.IsEmpty; range = range[RangeBytes..])
        {
            var flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
            if ((flags & ~RangeUnmap) != 0 || (!zero && flags != 0))
                return StatusUnsupported;
            var sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
            if (sectors > MaxRangeSectors || !Fits(BinaryPrimitives.ReadUInt64LittleEndian(range), (long)sectors * SectorBytes))
                return StatusIoError;
        }

        for (var range = ranges; !range.IsEmpty; range = range[RangeBytes..])
        {
            var offset = (long)BinaryPrimitives.ReadUInt64LittleEndian(range) * SectorBytes;
            var length = (long)BinaryPrimitives.ReadUInt32LittleEndian(range[8..]) * SectorBytes;
            if (length == 0)
                continue;
            if (zero)
                _backend.WriteZeroes(offset, length, (BinaryPrimitives.ReadUInt32LittleEndian(range[12..]) & RangeUnmap) != 0);
            else
                _backend.Discard(offset, length);
        }

        if (zero && !WritesBack)
            _backend.Flush();
        return StatusOk;
    }

    private bool Fits(ulong sector, long bytes) =>
        sector <= (ulong)(_backend.SizeBytes / SectorBytes) && bytes <= _backend.SizeBytes - ((long)sector * SectorBytes);
}
