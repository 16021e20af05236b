using System.Text;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>A client's byte stream as packets, with acknowledgements until the client does without them.</summary>
/// <remarks>One reader and one writer at a time; both may be different threads.</remarks>
internal sealed class GdbConnection(Stream stream)
{
    private static readonly byte[] Good = [(byte)'+'];
    private static readonly byte[] Bad = [(byte)'-'];

    private readonly GdbFrameReader _reader = new();
    private readonly byte[] _input = new byte[4096];
    private int _next;
    private int _filled;
    private byte[] _lastSent = [];

    /// <summary>Whether packets are acknowledged: so until QStartNoAckMode.</summary>
    public bool Acknowledges { get; set; } = true;

    /// <summary>
    /// The next thing that the client says: a packet, Ctrl-C, or that a packet was too long. Null when the client is gone. Broken packets are
    /// answered or dropped here, as are requests to send again.
    /// </summary>
    public async Task<GdbFrame?> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            while (_next < _filled)
            {
                var kind = _reader.Add(_input[_next++]);
                switch (kind)
                {
                    case GdbFrameKind.Packet or GdbFrameKind.TooLong:
                        if (Acknowledges)
                            await stream.WriteAsync(Good, ct).ConfigureAwait(false);
                        return new GdbFrame(kind, kind == GdbFrameKind.Packet ? _reader.Packet.ToArray() : []);
                    case GdbFrameKind.Interrupt:
                        return new GdbFrame(kind, []);
                    case GdbFrameKind.BadChecksum when Acknowledges:
                        await stream.WriteAsync(Bad, ct).ConfigureAwait(false);
                        break;
                    case GdbFrameKind.Resend when Acknowledges && _lastSent.Length > 0:
                        await stream.WriteAsync(_lastSent, ct).ConfigureAwait(false);
                        break;
                }
            }

            _next = 0;
            _filled = await stream.ReadAsync(_input, ct).ConfigureAwait(false);
            if (_filled == 0)
                return null;
        }
    }

    /// <summary>Sends a packet of text that needs no escapes.</summary>
    public Task SendAsync(string text, CancellationToken ct) => SendAsync(Encoding.ASCII.GetBytes(text), ct);

    /// <summary>Sends a packet whose data is escaped already.</summary>
    public async Task SendAsync(byte[] data, CancellationToken ct)
    {
        _lastSent = GdbText.Frame(data);
        await stream.WriteAsync(_lastSent, ct).ConfigureAwait(false);
        await stream.FlushAsync(ct).ConfigureAwait(false);
    }
}

/// <summary>Something whole that a client said.</summary>
/// <param name="Data">A packet's data, with its escapes.</param>
internal readonly record struct GdbFrame(GdbFrameKind Kind, byte[] Data);
