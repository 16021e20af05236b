using System.Threading.Channels;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>
/// One debugger from its first packet to its end: a GDB remote target in all-stop mode whose threads are the vCPUs, numbered from 1. The
/// machine stops when the first packet comes, and goes on when the session ends in whatever way.
/// </summary>
/// <remarks>Thread: one at a time; <see cref="State"/>: any.</remarks>
internal sealed partial class GdbSession : IDisposable
{
    private const string Ok = "OK";

    /// <summary>How long a client may take for its first packet, while it keeps others out.</summary>
    private static readonly TimeSpan SilencePatience = TimeSpan.FromSeconds(10);

    /// <summary>What a request that makes no sense is answered with (EINVAL).</summary>
    private const string Malformed = "E16";

    /// <summary>What a request for memory that is not there is answered with (EFAULT).</summary>
    private const string NoMemory = "E0e";

    /// <summary>What cannot be done now, such as while the machine is being restored (EBUSY).</summary>
    private const string Busy = "E10";

    /// <summary>An empty answer says that the request is not known.</summary>
    private const string Unknown = "";

    private readonly IDebugTarget _target;
    private readonly GdbConnection _connection;
    private readonly GdbRegisterFile _registers;
    private readonly string _description;
    private readonly Channel<DebugStop> _stops = Channel.CreateUnbounded<DebugStop>();
    private volatile GdbSessionState _state = GdbSessionState.Silent;

    /// <summary>Called at the first packet: the client may take its time from then on.</summary>
    private Action? _spoke;

    private bool _clientKnowsBreakpointReasons;
    private bool _leavePaused;
    private bool _ends;

    /// <summary>Index of the vCPU that register and memory requests are about.</summary>
    private int _current;

    public GdbSession(IDebugTarget target, Stream stream)
    {
        _target = target;
        _connection = new GdbConnection(stream);
        _registers = new GdbRegisterFile(target.Vcpus);
        _description = GdbTargetDescription.Write(_registers);
        target.Stopped += Report;
    }

    /// <summary>What the debugger makes of the machine now.</summary>
    public GdbSessionState State => _state;

    /// <summary>Serves the client until it detaches or is gone, or the machine has ended.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(ct);
        silence.CancelAfter(SilencePatience);
        _spoke = () => silence.CancelAfter(Timeout.InfiniteTimeSpan);
        try
        {
            await ServeAsync(silence.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or System.Net.Sockets.SocketException or OperationCanceledException)
        {
            // The client is gone or never spoke, or the server closes: all are ways to end a session.
        }
        finally
        {
            if (_state != GdbSessionState.Silent)
                _target.Release(_leavePaused);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _target.Stopped -= Report;

    private async Task ServeAsync(CancellationToken ct)
    {
        var frame = _connection.ReadAsync(ct);
        var stop = _stops.Reader.WaitToReadAsync(ct).AsTask();
        while (!_ends)
        {
            await Task.WhenAny(frame, stop, _target.End).ConfigureAwait(false);
            if (_target.End.IsCompleted)
            {
                await _connection.SendAsync("W00", ct).ConfigureAwait(false);
                return;
            }

            if (stop.IsCompleted)
            {
                await stop.ConfigureAwait(false);
                while (_stops.Reader.TryRead(out var reported))
                    await ReportStopAsync(reported, ct).ConfigureAwait(false);
                stop = _stops.Reader.WaitToReadAsync(ct).AsTask();
            }

            if (!frame.IsCompleted)
                continue;
            if (await frame.ConfigureAwait(false) is not { } said)
                return;
            await HandleAsync(said, ct).ConfigureAwait(false);
            frame = _connection.ReadAsync(ct);
        }
    }

    private void Report(DebugStop stop) => _stops.Writer.TryWrite(stop);

    private async Task HandleAsync(GdbFrame frame, CancellationToken ct)
    {
        if (_state == GdbSessionState.Silent)
        {
            if (frame.Kind != GdbFrameKind.Packet)
                return;
            _spoke?.Invoke();
            _target.Hold();
            _state = GdbSessionState.Stopped;
        }

        if (frame.Kind == GdbFrameKind.Interrupt)
        {
            await InterruptAsync(ct).ConfigureAwait(false);
            return;
        }

        // All-stop: a client has nothing to say while the machine runs, and an answer would be taken for a stop.
        if (_state == GdbSessionState.Running)
            return;
        var answer = frame.Kind == GdbFrameKind.TooLong ? Malformed : Answer(frame.Data);
        if (_pendingAnswer is { } binary)
        {
            _pendingAnswer = null;
            await _connection.SendAsync(binary, ct).ConfigureAwait(false);
        }
        else if (answer is not null)
        {
            await _connection.SendAsync(answer, ct).ConfigureAwait(false);
            if (_turnOffAcknowledgements)
                _connection.Acknowledges = false;
        }
    }

    /// <summary>Does what a packet asks; null for what is answered later, or by <see cref="_pendingAnswer"/>.</summary>
    private string? Answer(ReadOnlySpan<byte> packet)
    {
        if (packet.IsEmpty)
            return Unknown;
        var rest = packet[1..];
        switch ((char)packet[0])
        {
            case '?':
                return DescribeStop(_current, "05", string.Empty);
            case 'g':
                return ReadGeneralRegisters();
            case 'G':
                return WriteGeneralRegisters(rest);
            case 'p':
                return ReadRegister(rest);
            case 'P':
                return WriteRegister(rest);
            case 'm':
                return ReadMemory(rest);
            case 'M':
                return WriteMemory(rest, isBinary: false);
            case 'X':
                return WriteMemory(rest, isBinary: true);
            case 'Z':
                return ChangeStop(rest, isInsert: true);
            case 'z':
                return ChangeStop(rest, isInsert: false);
            case 'c':
                return ContinueAt(rest, DebugAction.Run);
            case 's':
                return ContinueAt(rest, DebugAction.Step);
            case 'C':
                return ContinueAt(AfterSignal(rest), DebugAction.Run);
            case 'S':
                return ContinueAt(AfterSignal(rest), DebugAction.Step);
            case 'v':
                return AnswerVerb(packet);
            case 'q':
                return AnswerQuery(packet);
            case 'Q':
                return AnswerSetting(packet);
            case 'H':
                return SelectThread(rest);
            case 'T':
                return TryParseThread(rest, out _) ? Ok : Malformed;
            case 'D':
                _ends = true;
                return Ok;
            case 'k':
                _ends = true; // the VM has an owner: its debugger cannot end it
                return null;
            default:
                return Unknown;
        }
    }

    /// <summary>Runs <paramref name="action"/> on the held machine; its answer, or that it is not to be had.</summary>
    private string Inspect(Func<KvmVcpu, string> action)
    {
        var answer = Busy;
        _target.TryInspect(() => answer = action(_target.Vcpus[_current]));
        return answer;
    }
}

/// <summary>What a debugger makes of the machine.</summary>
internal enum GdbSessionState
{
    /// <summary>Connected, but has not said anything: the machine does not know of it.</summary>
    Silent,

    /// <summary>The machine stands still for the debugger.</summary>
    Stopped,

    /// <summary>The debugger waits for the machine to stop.</summary>
    Running,
}
