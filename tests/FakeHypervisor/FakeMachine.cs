using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CloudVm.Contracts.Control;

namespace CloudVm.FakeHypervisor;

/// <summary>
/// The machine of a fake process. Words of the kernel command line say how the guest behaves: <c>off</c> switches itself off at start,
/// <c>crash</c> ends the process without a record, <c>touch=N</c> fills N chunks of memory at start, <c>disk=N</c> writes byte N
/// all over block N of the first disk. The power button switches the guest off,
/// unless it is <c>deaf</c> (does not listen) or <c>stubborn</c> (listens, does nothing).
/// </summary>
internal sealed class FakeMachine(int processId, long startTime)
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, byte[]> _chunks = [];
    private readonly HashSet<int> _dirty = [];
    private readonly List<byte> _console = [];
    private MachineDefinition? _definition;
    private FakeDisks _disks = new([]);
    private MachineState _state;
    private long _epoch;
    private long _dirtyEpoch;
    private long _resets;
    private long _ticks;

    /// <summary>Set when the process is to end.</summary>
    public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HelloResponse Hello() => new(ControlProtocol.Version, processId, startTime, "fake", _definition?.VmId, _epoch, _state);

    public MachineStatus Status() => new(
        _state, null, null, _definition?.CpuCount ?? 0, _definition?.CpuCount ?? 0, ++_ticks, (ulong)_ticks,
        _console.Count, _definition?.ConsoleLogPath is { } log && File.Exists(log) ? new FileInfo(log).Length : 0, _resets)
    {
        ListensForShutdown = Listens,
    };

    /// <summary>Refuses a caller whose lease was taken over.</summary>
    public ControlProblem? Admit(long epoch)
    {
        lock (_gate)
        {
            if (epoch < _epoch)
                return Refuse(409, ControlProtocol.ProblemCodes.StaleEpoch, $"Epoch {epoch} is older than {_epoch}.");
            _epoch = epoch;
            return null;
        }
    }

    public ControlProblem? Configure(MachineDefinition definition)
    {
        lock (_gate)
        {
            if (_state != MachineState.Idle)
                return InvalidState();
            _definition = definition;
            _disks = new FakeDisks(definition.Disks ?? []);
            _state = MachineState.Configured;
            return null;
        }
    }

    public ControlProblem? Start()
    {
        lock (_gate)
        {
            if (_state == MachineState.Running)
                return null;
            if (_state != MachineState.Configured)
                return InvalidState();
            _state = MachineState.Running;
            return Boot();
        }
    }

    public ControlProblem? Pause() => Move(MachineState.Paused, MachineState.Running, MachineState.Paused);

    public ControlProblem? Resume() => Move(MachineState.Running, MachineState.Paused, MachineState.Running);

    public ControlProblem? Reset()
    {
        lock (_gate)
        {
            if (_state is not (MachineState.Running or MachineState.Paused))
                return InvalidState();
            _resets++;
            _chunks.Clear();
            return Boot();
        }
    }

    public ControlProblem? Stop()
    {
        lock (_gate)
        {
            End(MachineExitReason.Stopped, null);
            return null;
        }
    }

    public ControlProblem? PressPowerButton()
    {
        lock (_gate)
        {
            if (_state != MachineState.Running)
                return InvalidState();
            Print("power button\n");
            if (Listens && !Words.Contains("stubborn"))
                End(MachineExitReason.GuestOff, "PSCI SYSTEM_OFF");
            return null;
        }
    }

    public ControlProblem? BeginRestore(IReadOnlyList<RestoreDisk> disks)
    {
        lock (_gate)
        {
            if (_state is MachineState.Idle or MachineState.Exited)
                return InvalidState();
            _chunks.Clear();
            _disks.BeginRestore(disks);
            _state = MachineState.Restoring;
            return null;
        }
    }

    public ControlProblem? PutState(byte[] state)
    {
        lock (_gate)
        {
            if (_state != MachineState.Restoring)
                return InvalidState();
            if (!SHA256.HashData(state.AsSpan(32)).AsSpan().SequenceEqual(state.AsSpan(0, 32)))
                return Refuse(422, ControlProtocol.ProblemCodes.CorruptState, "The state's hash differs.");
            _console.Clear();
            _console.AddRange(state.AsSpan(32));
            _disks.CompleteRestore();
            _state = MachineState.Paused;
            return null;
        }
    }

    /// <summary>The "registers": the scrollback, with its hash before it.</summary>
    public (byte[]? State, ControlProblem? Problem) GetState()
    {
        lock (_gate)
        {
            byte[] content = _console.ToArray();
            return _state == MachineState.Paused ? ([.. SHA256.HashData(content), .. content], null) : (null, InvalidState());
        }
    }

    public MemoryChunkMap ChunkMap()
    {
        lock (_gate)
        {
            int count = _definition!.MemoryMiB * 16;
            return new MemoryChunkMap("0x40000000", ControlProtocol.ChunkBytes, count, _dirtyEpoch, Bitmap(count, _chunks.Keys), Bitmap(count, _dirty));
        }
    }

    public ControlProblem? BeginDirtyEpoch()
    {
        lock (_gate)
        {
            if (_state != MachineState.Paused)
                return InvalidState();
            _dirty.Clear();
            _disks.BeginDirtyEpoch();
            _dirtyEpoch++;
            return null;
        }
    }

    public MachineDisks Disks()
    {
        lock (_gate)
            return _disks.Status();
    }

    public DiskBlockMap BlockMap(string disk)
    {
        lock (_gate)
            return _disks.Map(disk, _dirtyEpoch);
    }

    public byte[] GetBlocks(string disk, int first, int count)
    {
        lock (_gate)
            return _disks.Read(disk, first, count);
    }

    public ControlProblem? PutBlocks(string disk, int first, byte[] data)
    {
        lock (_gate)
        {
            if (_state != MachineState.Restoring)
                return InvalidState();
            _disks.Put(disk, first, data);
            return null;
        }
    }

    public byte[] GetChunks(int first, int count)
    {
        lock (_gate)
        {
            byte[] data = new byte[count * ControlProtocol.ChunkBytes];
            for (int i = 0; i < count; i++)
                _chunks.GetValueOrDefault(first + i)?.CopyTo(data, i * ControlProtocol.ChunkBytes);
            return data;
        }
    }

    public ControlProblem? PutChunks(int first, byte[] data)
    {
        lock (_gate)
        {
            if (_state != MachineState.Restoring)
                return InvalidState();
            foreach (byte[] chunk in data.Chunk(ControlProtocol.ChunkBytes))
                Write(first++, chunk);
            return null;
        }
    }

    public byte[] ReadMemory(ulong gpa, int length)
    {
        lock (_gate)
            return _chunks.GetValueOrDefault((int)((gpa - 0x4000_0000) / ControlProtocol.ChunkBytes), new byte[ControlProtocol.ChunkBytes])
                .AsSpan((int)(gpa % ControlProtocol.ChunkBytes), length).ToArray();
    }

    public ControlProblem? WriteMemory(ulong gpa, byte[] data)
    {
        lock (_gate)
        {
            int index = (int)((gpa - 0x4000_0000) / ControlProtocol.ChunkBytes);
            byte[] chunk = [.. _chunks.GetValueOrDefault(index, new byte[ControlProtocol.ChunkBytes])];
            data.CopyTo(chunk, (int)(gpa % ControlProtocol.ChunkBytes));
            Write(index, chunk);
            return null;
        }
    }

    public ControlProblem? Mark(string text)
    {
        AppendLog($"\n--- {text} ---\n");
        return null;
    }

    private string[] Words => _definition?.Boot.CommandLine?.Split(' ') ?? [];

    private bool Listens => _state == MachineState.Running && !Words.Contains("deaf");

    private ControlProblem? Boot()
    {
        string[] words = Words;
        Print("fake guest started\n");
        if (words.FirstOrDefault(w => w.StartsWith("touch=", StringComparison.Ordinal)) is { } touch)
        {
            for (int i = 0; i < int.Parse(touch[6..], System.Globalization.CultureInfo.InvariantCulture); i++)
            {
                byte[] chunk = new byte[ControlProtocol.ChunkBytes];
                new Random(i).NextBytes(chunk.AsSpan(0, 4096));
                Write(i, chunk);
            }
        }

        foreach (string write in words.Where(w => w.StartsWith("disk=", StringComparison.Ordinal)))
        {
            byte number = byte.Parse(write[5..], System.Globalization.CultureInfo.InvariantCulture);
            _disks.Write(number, number);
        }

        if (words.Contains("crash"))
            Environment.FailFast("The guest asked for a crash.");
        if (words.Contains("off"))
            End(MachineExitReason.GuestOff, "PSCI SYSTEM_OFF");
        return null;
    }

    private void Write(int index, byte[] chunk)
    {
        _chunks[index] = chunk;
        _dirty.Add(index);
    }

    private void Print(string text)
    {
        _console.AddRange(Encoding.UTF8.GetBytes(text));
        AppendLog(text);
    }

    private void AppendLog(string text)
    {
        if (_definition?.ConsoleLogPath is { } path)
            File.AppendAllText(path, text);
    }

    private void End(MachineExitReason reason, string? detail)
    {
        _state = MachineState.Exited;
        if (_definition?.ExitRecordPath is { } path)
        {
            ExitRecord record = new(
                1, _definition.VmId, processId, startTime, reason, detail, TimeProvider.System.GetUtcNow(), _epoch, _console.Count, 0, null);
            File.WriteAllText(path + ".tmp", JsonSerializer.Serialize(record, ControlJsonContext.Default.ExitRecord));
            File.Move(path + ".tmp", path, overwrite: true);
        }

        Ended.TrySetResult();
    }

    private ControlProblem? Move(MachineState to, params MachineState[] from)
    {
        lock (_gate)
        {
            if (!from.Contains(_state))
                return InvalidState();
            _state = to;
            return null;
        }
    }

    private ControlProblem InvalidState() => Refuse(409, ControlProtocol.ProblemCodes.InvalidState, $"The machine is {_state}.");

    private static ControlProblem Refuse(int status, string code, string title) => new() { Title = title, Status = status, Code = code };

    internal static byte[] Bitmap(int count, IEnumerable<int> set)
    {
        byte[] bits = new byte[(count + 7) / 8];
        foreach (int i in set)
            bits[i / 8] |= (byte)(1 << (i % 8));
        return bits;
    }
}
