using System.Net;
using System.Net.Sockets;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>
/// Where debuggers connect: a Unix socket, and on request a TCP door that is open to this machine only. One debugger at a time; a second
/// one is turned away.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class GdbServer : IAsyncDisposable
{
    private readonly IDebugTarget _target;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _work = [];
    private string? _path;
    private Socket? _unix;
    private Socket? _door;
    private CancellationTokenSource? _doorClosing;
    private GdbSession? _session;
    private int _isDisposed;

    public GdbServer(IDebugTarget target)
    {
        _target = target;
    }

    /// <summary>Where the TCP door is, or null while it is closed.</summary>
    public IPEndPoint? Door
    {
        get
        {
            lock (_gate)
                return _door?.LocalEndPoint as IPEndPoint;
        }
    }

    /// <summary>Whether a debugger is connected and has said something.</summary>
    public bool IsAttached => Volatile.Read(ref _session) is { State: not GdbSessionState.Silent };

    /// <summary>Whether the machine stands still for the debugger.</summary>
    public bool IsStopped => Volatile.Read(ref _session) is { State: GdbSessionState.Stopped };

    /// <summary>Listens on a Unix socket that only its owner may connect to.</summary>
    /// <exception cref="SocketException">The socket cannot be created.</exception>
    public void ListenOn(string path)
    {
        File.Delete(path); // of a process that was killed
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            socket.Listen(1);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        lock (_gate)
        {
            _path = path;
            _unix = socket;
            _work.Add(AcceptAsync(socket, _closing.Token));
        }
    }

    /// <summary>Opens the TCP door on a free port of the loopback address, or leaves an open one as it is.</summary>
    /// <exception cref="SocketException">No port is to be had.</exception>
    public IPEndPoint OpenDoor()
    {
        lock (_gate)
        {
            if (_door is null)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                    socket.Listen(1);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }

                _door = socket;
                _doorClosing = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
                _work.Add(AcceptAsync(socket, _doorClosing.Token));
            }

            return (IPEndPoint)_door.LocalEndPoint!;
        }
    }

    /// <summary>Closes the TCP door and ends the session that came through it.</summary>
    public async Task CloseDoorAsync()
    {
        CancellationTokenSource? closing;
        lock (_gate)
        {
            closing = _doorClosing;
            _door?.Dispose();
            _door = null;
            _doorClosing = null;
        }

        if (closing is null)
            return;
        await closing.CancelAsync().ConfigureAwait(false);
        closing.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
            return;
        await _closing.CancelAsync().ConfigureAwait(false);
        await CloseDoorAsync().ConfigureAwait(false);
        Task[] work;
        lock (_gate)
        {
            _unix?.Dispose();
            _doorClosing?.Dispose(); // one that was opened meanwhile
            work = [.. _work];
        }

        await Task.WhenAll(work).ConfigureAwait(false);
        if (_path is not null)
            File.Delete(_path);
        _closing.Dispose();
    }

    private async Task AcceptAsync(Socket listener, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync(ct).ConfigureAwait(false);
                var serving = ServeAsync(client, ct);
                lock (_gate)
                {
                    _work.RemoveAll(static task => task.IsCompleted);
                    _work.Add(serving);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(Socket client, CancellationToken ct)
    {
        using var ownedClient = client;
        using var session = new GdbSession(_target, new NetworkStream(client));
        if (Interlocked.CompareExchange(ref _session, session, null) is not null)
            return;
        try
        {
            if (client.AddressFamily == AddressFamily.InterNetwork)
                client.NoDelay = true;
            await session.RunAsync(ct).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _session, null);
        }
    }
}
