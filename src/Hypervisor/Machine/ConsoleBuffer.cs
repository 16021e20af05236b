using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// The console output that viewers see, in a timeline that a restore rewinds: the last bytes are kept for replay and are part of the
/// machine's state. The stored log is another thing and never goes back (<see cref="ConsoleLog"/>).
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class ConsoleBuffer : ISnapshottable
{
    /// <summary>Most bytes kept for replay.</summary>
    public const int Capacity = 256 * 1024;

    private const int FirstAllocation = 4096;

    private readonly Lock _gate = new();
    private byte[] _ring = new byte[FirstAllocation];
    private long _end;
    private int _kept;
    private int _generation;
    private TaskCompletionSource? _changed;

    /// <inheritdoc/>
    public string SectionName => "console";

    /// <inheritdoc/>
    public ushort SectionVersion => 1;

    /// <summary>Bytes of output in the timeline so far.</summary>
    public long End
    {
        get
        {
            lock (_gate)
                return _end;
        }
    }

    /// <summary>Adds a byte of output.</summary>
    public void Append(byte value)
    {
        lock (_gate)
        {
            if (_kept == _ring.Length && _ring.Length < Capacity)
                Grow();
            _ring[(int)(_end % _ring.Length)] = value;
            _end++;
            _kept = Math.Min(_kept + 1, _ring.Length);
            Signal();
        }
    }

    /// <summary>Reads what a viewer at <paramref name="position"/> has not seen.</summary>
    /// <param name="position">Viewer's offset; moved past what was read, or to what is still kept.</param>
    /// <param name="generation">The viewer's generation; updated when a restore rewound the timeline.</param>
    /// <param name="buffer">Receives the bytes.</param>
    /// <param name="rewound">True when the timeline was rewound: the viewer starts over from what is kept.</param>
    /// <returns>Number of bytes; 0 when the viewer has seen everything.</returns>
    public int Read(ref long position, ref int generation, Span<byte> buffer, out bool rewound)
    {
        lock (_gate)
        {
            var first = _end - _kept;
            rewound = generation != _generation;
            if (rewound)
                position = first;
            generation = _generation;
            position = Math.Clamp(position, first, _end);
            var count = (int)Math.Min(buffer.Length, _end - position);
            for (var i = 0; i < count; i++)
                buffer[i] = _ring[(int)((position + i) % _ring.Length)];
            position += count;
            return count;
        }
    }

    /// <summary>The generation of now, for a viewer that attaches.</summary>
    public int Generation
    {
        get
        {
            lock (_gate)
                return _generation;
        }
    }

    /// <summary>Completes when there is output beyond <paramref name="position"/> or the timeline was rewound.</summary>
    public Task WaitAsync(long position, int generation, CancellationToken ct)
    {
        lock (_gate)
        {
            if (_end > position || generation != _generation)
                return Task.CompletedTask;
            _changed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _changed.Task.WaitAsync(ct);
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        lock (_gate)
        {
            writer.WriteInt64(_end);
            var bytes = new byte[_kept];
            for (var i = 0; i < _kept; i++)
                bytes[i] = _ring[(int)((_end - _kept + i) % _ring.Length)];
            writer.WriteCounted(bytes);
        }
    }

    /// <inheritdoc/>
    public Action PrepareRestore(StateReader reader)
    {
        var end = reader.ReadInt64();
        var bytes = reader.ReadCounted(Capacity).ToArray();
        if (end < bytes.Length)
            throw new StateFormatException($"Section console: {bytes.Length} bytes cannot end at offset {end}.");
        return () =>
        {
            lock (_gate)
            {
                // A power of two keeps the ring's size one that Grow reaches.
                var size = FirstAllocation;
                while (size < bytes.Length)
                    size *= 2;
                _ring = new byte[size];
                _end = end;
                _kept = bytes.Length;
                for (var i = 0; i < bytes.Length; i++)
                    _ring[(int)((end - bytes.Length + i) % size)] = bytes[i];
                _generation++;
                Signal();
            }
        };
    }

    private void Grow()
    {
        var larger = new byte[Math.Min(_ring.Length * 2, Capacity)];
        for (var offset = _end - _kept; offset < _end; offset++)
            larger[(int)(offset % larger.Length)] = _ring[(int)(offset % _ring.Length)];
        _ring = larger;
    }

    private void Signal()
    {
        _changed?.TrySetResult();
        _changed = null;
    }
}
