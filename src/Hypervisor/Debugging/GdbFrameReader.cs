namespace CloudVm.Hypervisor.Debugging;

/// <summary>What a client's bytes mean.</summary>
internal enum GdbFrameKind
{
    /// <summary>Nothing yet: more bytes are needed.</summary>
    None,

    /// <summary>A whole packet with the right checksum.</summary>
    Packet,

    /// <summary>A packet with a wrong checksum.</summary>
    BadChecksum,

    /// <summary>A packet longer than <see cref="GdbFrameReader.MaxPacketBytes"/>; what it held is gone.</summary>
    TooLong,

    /// <summary>0x03 outside a packet: Ctrl-C.</summary>
    Interrupt,

    /// <summary>"-": the last packet arrived broken.</summary>
    Resend,
}

/// <summary>
/// Takes the framing off the GDB remote protocol, byte by byte: <c>$data#checksum</c>, acknowledgements, Ctrl-C. The data is as it was
/// sent: <see cref="GdbText.Unescape"/> undoes the escapes of what may have some. Whatever comes, memory is bounded.
/// </summary>
internal sealed class GdbFrameReader
{
    /// <summary>Most bytes of data in a packet, as announced to the client (PacketSize).</summary>
    public const int MaxPacketBytes = 16 * 1024;

    private readonly byte[] _data = new byte[MaxPacketBytes];
    private State _state;
    private int _length;
    private bool _tooLong;
    private byte _sum;
    private int _expectedSum;

    private enum State
    {
        Outside,
        Data,
        FirstDigit,
        SecondDigit,
    }

    /// <summary>The data of the packet that was just completed; valid until the next byte is given.</summary>
    public ReadOnlyMemory<byte> Packet => _data.AsMemory(0, _length);

    /// <summary>Takes one byte and says what it completes.</summary>
    public GdbFrameKind Add(byte value)
    {
        switch (_state)
        {
            case State.Outside:
                if (value == '$')
                    Begin();
                return value switch { 3 => GdbFrameKind.Interrupt, (byte)'-' => GdbFrameKind.Resend, _ => GdbFrameKind.None };
            case State.Data:
                if (value == '#')
                    _state = State.FirstDigit;
                else if (value == '$')
                    Begin(); // the packet before was cut off
                else
                    Append(value);
                return GdbFrameKind.None;
            case State.FirstDigit:
                _expectedSum = GdbText.HexDigit(value) << 4;
                _state = State.SecondDigit;
                return GdbFrameKind.None;
            default:
                _state = State.Outside;
                var digit = GdbText.HexDigit(value);
                if (digit < 0 || (_expectedSum | digit) != _sum)
                    return GdbFrameKind.BadChecksum;
                return _tooLong ? GdbFrameKind.TooLong : GdbFrameKind.Packet;
        }
    }

    private void Begin()
    {
        _state = State.Data;
        _length = 0;
        _sum = 0;
        _tooLong = false;
    }

    private void Append(byte value)
    {
        _sum += value;
        if (_length == _data.Length)
            _tooLong = true;
        else
            _data[_length++] = value;
    }
}
