using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>Going on, stopping, and what stop replies say.</summary>
internal sealed partial class GdbSession
{
    private const string SignalInterrupt = "02";
    private const string SignalTrap = "05";

    /// <summary>Answers a stop while the machine runs; what stopped besides is found again when the guest goes on.</summary>
    private async Task ReportStopAsync(DebugStop stop, CancellationToken ct)
    {
        if (_state != GdbSessionState.Running)
            return;
        _target.Hold();
        _state = GdbSessionState.Stopped;
        _current = stop.Vcpu;
        await _connection.SendAsync(DescribeStop(stop.Vcpu, SignalTrap, ReasonOf(stop)), ct).ConfigureAwait(false);
    }

    private async Task InterruptAsync(CancellationToken ct)
    {
        if (_state != GdbSessionState.Running)
            return;
        _target.Hold();
        _state = GdbSessionState.Stopped;
        await _connection.SendAsync(DescribeStop(_current, SignalInterrupt, string.Empty), ct).ConfigureAwait(false);
    }

    /// <summary>A stop reply with the registers that a client asks for first, and vg, since everything about vectors depends on it.</summary>
    private string DescribeStop(int vcpu, string signal, string reason)
    {
        ReadOnlySpan<int> expedited = [GdbRegisterFile.FramePointer, GdbRegisterFile.StackPointer, GdbRegisterFile.ProgramCounter, _registers.VectorGranules];
        var reply = $"T{signal}thread:{GdbText.Hex((ulong)vcpu + 1)};{reason}";
        foreach (var number in expedited)
        {
            var n = number;
            if (n < 0)
                continue;
            var value = string.Empty;
            _target.TryInspect(() => value = ReadHex(_target.Vcpus[vcpu], n));
            if (value.Length > 0)
                reply += $"{GdbText.Hex((ulong)n)}:{value};";
        }

        return reply;
    }

    private string ReasonOf(DebugStop stop) => stop.Kind switch
    {
        KvmDebugStop.Breakpoint when _clientKnowsBreakpointReasons =>
            _hardwareBreakpoints.Contains(stop.Address) && !_softwareBreakpoints.Contains(stop.Address) ? "hwbreak:;" : "swbreak:;",
        KvmDebugStop.WatchedRead or KvmDebugStop.WatchedWrite => $"{WatchKindAt(stop)}:{GdbText.Hex(stop.Address)};",
        _ => string.Empty,
    };

    /// <summary>A client asks for what it has set: an access watchpoint is to be called so, whatever the access was.</summary>
    private string WatchKindAt(DebugStop stop)
    {
        foreach (var (watch, kind) in _watchpoints)
        {
            if (kind == WatchKind.Access && stop.Address - watch.Address < watch.Length)
                return "awatch";
        }

        return stop.Kind == KvmDebugStop.WatchedRead ? "rwatch" : "watch";
    }

    private static ReadOnlySpan<byte> AfterSignal(ReadOnlySpan<byte> rest)
    {
        GdbText.Cut(ref rest, ';');
        return rest;
    }

    /// <summary>c, s, C and S: the thread of the last H goes on as asked, the others run.</summary>
    private string? ContinueAt(ReadOnlySpan<byte> address, DebugAction action)
    {
        if (!address.IsEmpty)
        {
            if (!GdbText.TryParseHex(address, out ulong pc))
                return Malformed;
            var bytes = BitConverter.GetBytes(pc);
            var written = Inspect(vcpu => AnswerOf(_registers.Registers[GdbRegisterFile.ProgramCounter].Write(vcpu, bytes)));
            if (written != Ok)
                return written;
        }

        var actions = new DebugAction[_target.Vcpus.Count];
        Array.Fill(actions, DebugAction.Run);
        actions[_current] = action;
        return Continue(actions);
    }

    /// <summary>vCont's actions: for each vCPU the first that names it or everyone; those that none names stand still.</summary>
    private string? ContinueEach(ReadOnlySpan<byte> list)
    {
        var actions = new DebugAction[_target.Vcpus.Count];
        var assigned = new bool[actions.Length];
        while (!list.IsEmpty)
        {
            var item = GdbText.Cut(ref list, ';');
            var verb = GdbText.Cut(ref item, ':');
            if (ActionOf(verb) is not { } action || !TryParseThreads(item, out var first, out var last))
                return Malformed;
            for (var index = first; index <= last; index++)
            {
                if (!assigned[index])
                    actions[index] = action;
                assigned[index] = true;
            }
        }

        return Continue(actions);
    }

    private static DebugAction? ActionOf(ReadOnlySpan<byte> verb) => verb switch
    {
        [(byte)'c'] => DebugAction.Run,
        [(byte)'s'] => DebugAction.Step,
        [(byte)'t'] => DebugAction.Stay,
        [(byte)'C', _, _] when GdbText.TryParseHex(verb[1..], out int _) => DebugAction.Run,
        [(byte)'S', _, _] when GdbText.TryParseHex(verb[1..], out int _) => DebugAction.Step,
        _ => null,
    };

    private string? Continue(DebugAction[] actions)
    {
        if (Array.TrueForAll(actions, static action => action == DebugAction.Stay))
            return DescribeStop(_current, "00", string.Empty);
        while (_stops.Reader.TryRead(out _))
        {
            // What stopped together with what was reported is found again, as the condition still holds.
        }

        _state = GdbSessionState.Running;
        _target.Continue(actions, Controls());
        return null;
    }

    private DebugControls Controls() =>
        _softwareBreakpoints.Count + _hardwareBreakpoints.Count + _watchpoints.Count == 0
            ? DebugControls.None
            : new DebugControls(_softwareBreakpoints.Concat(_hardwareBreakpoints), _watchpoints.Select(static watch => watch.Range));
}
