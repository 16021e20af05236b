using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Devices.Virtio;

/// <summary>A piece of a buffer in guest memory.</summary>
public readonly record struct GuestSegment(ulong Address, int Length);

/// <summary>
/// One buffer that the driver made available: a part for the device to read, then a part for it to write, each scattered over segments
/// that all lie in RAM. The object is reused: it is valid until the queue's next one is taken.
/// </summary>
/// <remarks>Thread: the device's I/O thread.</remarks>
public sealed class DescriptorChain
{
    private readonly GuestMemory _memory;
    private readonly GuestSegment[] _segments;
    private int _readable;
    private int _count;

    internal DescriptorChain(GuestMemory memory, int maxSegments)
    {
        _memory = memory;
        _segments = new GuestSegment[maxSegments];
    }

    /// <summary>Index of the chain's first descriptor, which names the buffer in the used ring.</summary>
    public ushort Head { get; private set; }

    /// <summary>Bytes that the device may read.</summary>
    public long ReadableBytes { get; private set; }

    /// <summary>Bytes that the device may write.</summary>
    public long WritableBytes { get; private set; }

    /// <summary>The device-readable segments, in order.</summary>
    public ReadOnlySpan<GuestSegment> Readable => _segments.AsSpan(0, _readable);

    /// <summary>The device-writable segments, in order.</summary>
    public ReadOnlySpan<GuestSegment> Writable => _segments.AsSpan(_readable, _count - _readable);

    /// <summary>Copies from the readable part, from <paramref name="offset"/> on.</summary>
    /// <returns>Bytes copied; fewer than asked for when the part ends.</returns>
    public int Read(long offset, Span<byte> destination)
    {
        var copied = 0;
        foreach (var segment in Readable)
        {
            if (copied == destination.Length)
                break;
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }

            var count = Math.Min(segment.Length - (int)offset, destination.Length - copied);
            LendRead(new GuestSegment(segment.Address + (ulong)offset, count)).CopyTo(destination[copied..]);
            copied += count;
            offset = 0;
        }

        return copied;
    }

    /// <summary>Copies into the writable part, from <paramref name="offset"/> on.</summary>
    /// <returns>Bytes copied; fewer than given when the part ends.</returns>
    public int Write(long offset, ReadOnlySpan<byte> source)
    {
        var copied = 0;
        foreach (var segment in Writable)
        {
            if (copied == source.Length)
                break;
            if (offset >= segment.Length)
            {
                offset -= segment.Length;
                continue;
            }

            var count = Math.Min(segment.Length - (int)offset, source.Length - copied);
            source.Slice(copied, count).CopyTo(LendWrite(new GuestSegment(segment.Address + (ulong)offset, count)));
            copied += count;
            offset = 0;
        }

        return copied;
    }

    /// <summary>Lends one segment for reading.</summary>
    public ReadOnlySpan<byte> LendRead(GuestSegment segment) =>
        _memory.TryLendRead(segment.Address, segment.Length, out var span) ? span : throw OutsideRam(segment);

    /// <summary>Lends one segment for writing.</summary>
    public Span<byte> LendWrite(GuestSegment segment) =>
        _memory.TryLendWrite(segment.Address, segment.Length, out var span) ? span : throw OutsideRam(segment);

    internal void Begin(ushort head)
    {
        Head = head;
        _readable = _count = 0;
        ReadableBytes = WritableBytes = 0;
    }

    /// <summary>Adds the next descriptor's buffer.</summary>
    /// <exception cref="VirtioFaultException">It is empty, outside RAM, one too many, or readable after a writable one.</exception>
    internal void Add(ulong address, uint length, bool writable)
    {
        if (length == 0)
            throw new VirtioFaultException("a descriptor has length zero");
        if (length > int.MaxValue || !_memory.Contains(address, (int)length))
            throw new VirtioFaultException($"a descriptor's {length} bytes at 0x{address:x} do not lie in RAM");
        if (_count == _segments.Length)
            throw new VirtioFaultException($"a descriptor chain is longer than {_segments.Length}");
        if (!writable && _count != _readable)
            throw new VirtioFaultException("a descriptor for reading follows one for writing");
        _segments[_count++] = new GuestSegment(address, (int)length);
        if (writable)
        {
            WritableBytes += length;
        }
        else
        {
            _readable = _count;
            ReadableBytes += length;
        }

        if (ReadableBytes + WritableBytes > uint.MaxValue)
            throw new VirtioFaultException("a descriptor chain describes more than 4 GiB");
    }

    private static VirtioFaultException OutsideRam(GuestSegment segment) =>
        new($"{segment.Length} bytes at 0x{segment.Address:x} do not lie in RAM");
}
