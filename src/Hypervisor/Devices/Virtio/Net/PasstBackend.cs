using System.Buffers.Binary;
using System.Net.Sockets;
using static CloudVm.Hypervisor.Devices.Virtio.Net.VirtioNetConfig;

namespace CloudVm.Hypervisor.Devices.Virtio.Net;

/// <summary>
/// User-mode networking by passt: Ethernet frames over its Unix stream socket, each behind its length as 32 bits big-endian, as QEMU's
/// stream netdev sends them. A lost connection takes the link down and is made anew.
/// </summary>
/// <remarks>
/// Thread: a thread of its own connects and receives into one buffer, then waits until the device has taken every whole frame of it; so
/// whatever the other side sends, no more than the buffer is held here. The rest as <see cref="INetBackend"/>.
/// </remarks>
public sealed class PasstBackend(string socketPath, TimeProvider time) : INetBackend
{
    private const int LengthBytes = 4;
    private const int BufferBytes = 2 * (LengthBytes + MaxFrameBytes);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    /// <summary>How long a wait for data goes on before it looks whether the connection is still wanted.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly byte[] _out = new byte[LengthBytes + MaxFrameBytes];
    private byte[] _in = [];
    private Thread? _thread;
    private Socket? _socket;
    private Action _wake = static () => { };
    private Action<string> _report = static _ => { };
    private int _outStart;
    private int _outEnd;
    private int _inStart;
    private int _inReady;
    private bool _disposed;

    /// <inheritdoc/>
    public bool IsUp => Volatile.Read(ref _socket) is not null;

    /// <inheritdoc/>
    public void Start(Action wake, Action<string> report)
    {
        _wake = wake;
        _report = report;
        _in = new byte[BufferBytes];
        const int StackBytes = 256 * 1024;
        _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "passt" };
        _thread.Start();
    }

    /// <inheritdoc/>
    public bool CanSend()
    {
        lock (_gate)
        {
            FlushLocked();
            return _outStart == _outEnd;
        }
    }

    /// <inheritdoc/>
    public void Send(ReadOnlySpan<byte> frame)
    {
        lock (_gate)
        {
            if (_socket is null)
                return;
            BinaryPrimitives.WriteInt32BigEndian(_out, frame.Length);
            frame.CopyTo(_out.AsSpan(LengthBytes));
            (_outStart, _outEnd) = (0, LengthBytes + frame.Length);
            FlushLocked();
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<byte> PeekReceived()
    {
        lock (_gate)
        {
            return _inStart == _inReady
                ? []
                : _in.AsSpan(_inStart + LengthBytes, BinaryPrimitives.ReadInt32BigEndian(_in.AsSpan(_inStart)));
        }
    }

    /// <inheritdoc/>
    public void DropReceived()
    {
        lock (_gate)
        {
            _inStart += LengthBytes + BinaryPrimitives.ReadInt32BigEndian(_in.AsSpan(_inStart));
            if (_inStart == _inReady)
                Monitor.PulseAll(_gate);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            CloseLocked();
            Monitor.PulseAll(_gate);
        }

        _thread?.Join();
    }

    private void FlushLocked()
    {
        while (_socket is not null && _outStart < _outEnd)
        {
            var sent = _socket.Send(_out.AsSpan(_outStart, _outEnd - _outStart), SocketFlags.None, out var error);
            if (error == SocketError.WouldBlock)
                return;
            if (error != SocketError.Success)
            {
                CloseLocked(); // the receiving thread notices and makes a new connection
                return;
            }

            _outStart += sent;
        }

        if (_socket is null)
            _outStart = _outEnd;
    }

    private void Run()
    {
        var wasLost = false;
        while (true)
        {
            if (Connect() is { } failure)
            {
                if (!wasLost)
                    _report($"has no network: passt at {socketPath} does not answer: {failure}");
                wasLost = true;
            }
            else
            {
                if (wasLost)
                    _report("is connected to the network again");
                _wake();
                var end = ReceiveAll();
                lock (_gate)
                    CloseLocked();
                if (!Rest(TimeSpan.Zero))
                    return;
                _report($"has lost its network: {end}");
                wasLost = true;
                _wake();
            }

            if (!Rest(RetryInterval))
                return;
        }
    }

    private string? Connect()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(socketPath));
            socket.Blocking = false;
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            return e.Message;
        }

        lock (_gate)
        {
            _outStart = _outEnd = _inStart = _inReady = 0;
            if (_disposed)
                socket.Dispose();
            else
                Volatile.Write(ref _socket, socket);
        }

        return null;
    }

    /// <summary>Ends the connection; a receiver that waits for data is woken by the shutdown.</summary>
    private void CloseLocked()
    {
        _outStart = _outEnd;
        if (_socket is not { } socket)
            return;
        Volatile.Write(ref _socket, null);
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The other side has gone already.
        }

        socket.Dispose();
    }

    /// <summary>Receives until the connection ends.</summary>
    /// <returns>Why it ended.</returns>
    private string ReceiveAll()
    {
        var end = 0;
        while (true)
        {
            if (Volatile.Read(ref _socket) is not { } socket)
                return "passt does not take frames any more";
            int count;
            try
            {
                count = socket.Receive(_in.AsSpan(end), SocketFlags.None, out var error);
                if (error == SocketError.WouldBlock)
                {
                    socket.Poll(Patience, SelectMode.SelectRead);
                    continue;
                }

                if (error != SocketError.Success)
                    return $"passt's connection failed: {error}";
            }
            catch (ObjectDisposedException)
            {
                return "passt does not take frames any more";
            }

            if (count == 0)
                return "passt has closed the connection";
            end += count;
            var ready = 0;
            while (end - ready >= LengthBytes)
            {
                var length = BinaryPrimitives.ReadUInt32BigEndian(_in.AsSpan(ready));
                if (length is < MinFrameBytes or > MaxFrameBytes)
                    return $"passt announces a frame of {length} bytes";
                if (end - ready < LengthBytes + (int)length)
                    break;
                ready += LengthBytes + (int)length;
            }

            if (ready > 0 && !HandOver(ready))
                return "it was closed";
            _in.AsSpan(ready, end - ready).CopyTo(_in);
            end -= ready;
        }
    }

    /// <summary>Shows the frames up to <paramref name="ready"/> to the device and waits until it has taken them.</summary>
    private bool HandOver(int ready)
    {
        lock (_gate)
        {
            (_inStart, _inReady) = (0, ready);
        }

        _wake();
        lock (_gate)
        {
            while (!_disposed && _inStart < _inReady)
                Monitor.Wait(_gate);
            (_inStart, _inReady) = (0, 0);
            return !_disposed;
        }
    }

    /// <summary>Waits; false when the backend has been disposed of.</summary>
    private bool Rest(TimeSpan duration)
    {
        var began = time.GetTimestamp();
        lock (_gate)
        {
            while (!_disposed && duration - time.GetElapsedTime(began) is { Ticks: > 0 } left)
                Monitor.Wait(_gate, left);
            return !_disposed;
        }
    }
}
