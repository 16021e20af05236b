using System.Buffers.Binary;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Snapshots;
using static CloudVm.Hypervisor.Devices.Virtio.Balloon.VirtioBalloonConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Balloon;

/// <summary>
/// The memory balloon: gives pages that the guest does not need back to the host, on request (inflating) or by the guest's own reports of
/// free pages. A given-up page reads as zeros and costs host memory again when it is written.
/// </summary>
/// <remarks>Thread: as <see cref="VirtioDevice"/>; target, counters and statistics on any.</remarks>
public sealed class VirtioBalloon : VirtioDevice
{
    private const int PageBytes = 1 << PageShift;
    private const int BatchPages = 256;

    private readonly Lock _gate = new();
    private readonly GuestMemory _memory;
    private readonly ulong?[] _statistics = new ulong?[StatisticNames.Length];
    private VirtioBalloonState _state = new();
    private bool _statisticsWanted;
    private long _inflatedBytes;
    private long _reportedBytes;

    public VirtioBalloon(GuestMemory memory)
        : base("virtio-balloon", VirtioDeviceId.Balloon, FeatureStatistics | FeatureDeflateOnOom | FeatureReporting, memory,
            QueueSize, QueueSize, QueueSize, QueueSize)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    public override int ConfigBytes => VirtioBalloonConfig.ConfigBytes;

    /// <summary>Bytes that the guest shall give up, a multiple of 4 KiB. Setting it tells the driver.</summary>
    public long TargetBytes
    {
        get
        {
            lock (_gate)
                return (long)_state.Target << PageShift;
        }

        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, _memory.Size);
            lock (_gate)
                _state = _state with { Target = (uint)(value >> PageShift) };
            NotifyConfigChanged();
        }
    }

    /// <summary>Bytes that the guest says it has given up.</summary>
    public long ActualBytes
    {
        get
        {
            lock (_gate)
                return (long)_state.Actual << PageShift;
        }
    }

    /// <summary>Bytes that inflating returned to the host so far.</summary>
    public long InflatedBytes => Interlocked.Read(ref _inflatedBytes);

    /// <summary>Bytes that reports of free pages returned to the host so far.</summary>
    public long ReportedBytes => Interlocked.Read(ref _reportedBytes);

    /// <summary>The guest's latest statistics by name; empty before the first. New ones are asked for, and are there a little later.</summary>
    public IReadOnlyDictionary<string, ulong> ReadStatistics()
    {
        var latest = new Dictionary<string, ulong>(StringComparer.Ordinal);
        lock (_gate)
        {
            for (var tag = 0; tag < _statistics.Length; tag++)
            {
                if (_statistics[tag] is { } value)
                    latest[StatisticNames[tag]] = value;
            }

            _statisticsWanted = true;
        }

        if (IsLive)
            Wake();
        return latest;
    }

    /// <inheritdoc/>
    public override void ReadConfig(Span<byte> config)
    {
        lock (_gate)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(config, _state.Target);
            BinaryPrimitives.WriteUInt32LittleEndian(config[ActualOffset..], _state.Actual);
        }
    }

    /// <inheritdoc/>
    public override void WriteConfig(int offset, int size, ulong value)
    {
        if (offset != ActualOffset || size != 4)
            return;
        lock (_gate)
            _state = _state with { Actual = (uint)value };
    }

    /// <inheritdoc/>
    protected internal override TimeSpan Service()
    {
        Inflate();
        Deflate();
        TakeStatistics();
        AskForStatistics();
        TakeReports();
        return Timeout.InfiniteTimeSpan;
    }

    /// <inheritdoc/>
    protected internal override void Reset()
    {
        lock (_gate)
        {
            _state = new VirtioBalloonState { Target = _state.Target };
            Array.Clear(_statistics);
        }
    }

    /// <inheritdoc/>
    protected internal override void Save(StateWriter writer)
    {
        lock (_gate)
            _state.Save(writer);
    }

    /// <inheritdoc/>
    protected internal override Action PrepareRestore(StateReader reader)
    {
        var state = VirtioBalloonState.Load(reader);
        return () =>
        {
            lock (_gate)
                _state = state;
        };
    }

    /// <summary>Each buffer lists page numbers.</summary>
    private void Inflate()
    {
        var queue = Queue(InflateQueue);
        Span<byte> pages = stackalloc byte[4 * BatchPages];
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            for (long offset = 0; chain.Read(offset, pages) is > 0 and var count; offset += count)
                DiscardPages(pages[..(count & ~3)]);
            Complete(queue, chain.Head, 0);
        }
    }

    /// <summary>Returns pages to the host, neighbours together: drivers give them up in long runs, upwards or downwards.</summary>
    private void DiscardPages(ReadOnlySpan<byte> pages)
    {
        while (!pages.IsEmpty)
        {
            ulong first = BinaryPrimitives.ReadUInt32LittleEndian(pages);
            var last = first;
            pages = pages[4..];
            while (!pages.IsEmpty)
            {
                ulong next = BinaryPrimitives.ReadUInt32LittleEndian(pages);
                if (next == last + 1)
                    last = next;
                else if (next + 1 == first)
                    first = next;
                else
                    break;
                pages = pages[4..];
            }

            Discard(first << PageShift, (int)(last - first + 1) * PageBytes, ref _inflatedBytes);
        }
    }

    private void Discard(ulong address, int length, ref long counter)
    {
        if (!_memory.TryDiscard(address, length))
            throw new VirtioFaultException($"{length} bytes at 0x{address:x}, given up by the driver, do not lie in RAM");
        Interlocked.Add(ref counter, length);
    }

    /// <summary>Pages that the guest takes back come from the host when they are written.</summary>
    private void Deflate()
    {
        var queue = Queue(DeflateQueue);
        while (!ShouldYield && queue.TryTake(out var chain))
            Complete(queue, chain.Head, 0);
    }

    /// <summary>Each segment is a range of free pages; their content may be lost.</summary>
    private void TakeReports()
    {
        var queue = Queue(ReportingQueue);
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            foreach (var segment in chain.Writable)
                Discard(segment.Address, segment.Length, ref _reportedBytes);
            Complete(queue, chain.Head, 0);
        }
    }

    /// <summary>The driver's buffer is kept until new statistics are wanted: giving it back asks for them.</summary>
    private void TakeStatistics()
    {
        var queue = Queue(StatisticsQueue);
        Span<byte> bytes = stackalloc byte[StatisticBytes * MaxStatistics];
        while (!ShouldYield && queue.TryTake(out var chain))
        {
            ReturnStatisticsBuffer(queue);
            var report = bytes[..chain.Read(0, bytes)];
            lock (_gate)
            {
                _state = _state with { StatisticsHead = chain.Head };
                for (; report.Length >= StatisticBytes; report = report[StatisticBytes..])
                {
                    var tag = BinaryPrimitives.ReadUInt16LittleEndian(report);
                    if (tag < _statistics.Length)
                        _statistics[tag] = BinaryPrimitives.ReadUInt64LittleEndian(report[2..]);
                }
            }
        }
    }

    private void AskForStatistics()
    {
        lock (_gate)
        {
            if (!_statisticsWanted || _state.StatisticsHead < 0)
                return;
            _statisticsWanted = false;
        }

        ReturnStatisticsBuffer(Queue(StatisticsQueue));
    }

    private void ReturnStatisticsBuffer(Virtqueue queue)
    {
        int head;
        lock (_gate)
        {
            head = _state.StatisticsHead;
            _state = _state with { StatisticsHead = -1 };
        }

        if (head >= 0)
            Complete(queue, (ushort)head, 0);
    }
}
