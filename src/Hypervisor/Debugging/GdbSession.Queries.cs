using System.Text;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>Queries, settings, threads, and the verbs that have names.</summary>
internal sealed partial class GdbSession
{
    private byte[]? _pendingAnswer;
    private bool _turnOffAcknowledgements;

    private string? AnswerVerb(ReadOnlySpan<byte> packet)
    {
        if (packet.SequenceEqual("vCont?"u8))
            return "vCont;c;C;s;S;t";
        if (packet.StartsWith("vCont;"u8))
            return ContinueEach(packet["vCont;"u8.Length..]);
        if (packet.StartsWith("vKill"u8))
        {
            _ends = true; // as k: the client goes, the VM stays
            return Ok;
        }

        return Unknown;
    }

    private string AnswerSetting(ReadOnlySpan<byte> packet)
    {
        if (!packet.SequenceEqual("QStartNoAckMode"u8))
            return Unknown;
        _turnOffAcknowledgements = true;
        return Ok;
    }

    private string? AnswerQuery(ReadOnlySpan<byte> packet)
    {
        var rest = packet;
        var name = GdbText.Cut(ref rest, packet.StartsWith("qRcmd"u8) || packet.StartsWith("qThreadExtraInfo"u8) ? ',' : ':');
        switch (Encoding.ASCII.GetString(name))
        {
            case "qSupported":
                _clientKnowsBreakpointReasons = rest.IndexOf("swbreak+"u8) >= 0 && rest.IndexOf("hwbreak+"u8) >= 0;
                return $"PacketSize={GdbFrameReader.MaxPacketBytes:x};QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+";
            case "qXfer":
                return ReadDescription(rest);
            case "qfThreadInfo":
                return "m" + string.Join(',', Enumerable.Range(1, _target.Vcpus.Count).Select(static n => GdbText.Hex((ulong)n)));
            case "qsThreadInfo":
                return "l";
            case "qThreadExtraInfo":
                return TryParseThread(rest, out var vcpu) ? GdbText.Hex(DescribeThread(vcpu)) : Malformed;
            case "qC":
                return "QC" + GdbText.Hex((ulong)_current + 1);
            case "qAttached":
                return "1";
            case "qSymbol":
                return Ok;
            case "qRcmd":
                return GdbText.ParseBytes(rest) is { } command ? RunMonitorCommand(Encoding.UTF8.GetString(command)) : Malformed;
            default:
                return Unknown;
        }
    }

    /// <summary>qXfer:features:read:target.xml:offset,length.</summary>
    private string? ReadDescription(ReadOnlySpan<byte> request)
    {
        if (!GdbText.Cut(ref request, ':').SequenceEqual("features"u8) || !GdbText.Cut(ref request, ':').SequenceEqual("read"u8))
            return Unknown;
        if (!GdbText.Cut(ref request, ':').SequenceEqual("target.xml"u8))
            return "E00";
        if (!TryParseRange(request, out var offset, out var length))
            return Malformed;
        var xml = Encoding.ASCII.GetBytes(_description);
        if (offset >= (ulong)xml.Length)
            return "l";

        // Escapes could double what is sent.
        var rest = xml.AsSpan((int)offset);
        var piece = rest[..Math.Min(Math.Min(rest.Length, length), (GdbFrameReader.MaxPacketBytes / 2) - 1)];
        _pendingAnswer = [(byte)(piece.Length == rest.Length ? 'l' : 'm'), .. GdbText.Escape(piece)];
        return null;
    }

    private string DescribeThread(int vcpu) => $"vCPU {vcpu}" + (_target.Vcpus[vcpu].PoweredOff ? ", off" : string.Empty);

    /// <summary>Hg and Hc: 0 and -1 mean any thread, so the present one stays.</summary>
    private string SelectThread(ReadOnlySpan<byte> request)
    {
        if (request is not [(byte)'g' or (byte)'c', .. var thread])
            return Malformed;
        if (thread.SequenceEqual("0"u8) || thread.SequenceEqual("-1"u8))
            return Ok;
        if (!TryParseThread(thread, out var vcpu))
            return Malformed;
        _current = vcpu;
        return Ok;
    }

    private bool TryParseThread(ReadOnlySpan<byte> text, out int vcpu)
    {
        var parsed = GdbText.TryParseHex(text, out int thread) && thread >= 1 && thread <= _target.Vcpus.Count;
        vcpu = parsed ? thread - 1 : 0;
        return parsed;
    }

    /// <summary>A thread, or all of them for -1 and for nothing.</summary>
    private bool TryParseThreads(ReadOnlySpan<byte> text, out int first, out int last)
    {
        last = _target.Vcpus.Count - 1;
        first = 0;
        if (text.IsEmpty || text.SequenceEqual("-1"u8))
            return true;
        if (!TryParseThread(text, out first))
            return false;
        last = first;
        return true;
    }
}
