using System.Net.Sockets;
using System.Text;
using CloudVm.Hypervisor.Debugging;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>A server for a target, and a client that sends what it is told.</summary>
internal sealed class RawGdbClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("gdb-").FullName;
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _one = new byte[1];

    private RawGdbClient(IDebugTarget target)
    {
        Server = new GdbServer(target);
        Path = System.IO.Path.Combine(_folder, "gdb.sock");
        Server.ListenOn(Path);
    }

    public GdbServer Server { get; }

    public string Path { get; }

    public static async Task<RawGdbClient> ConnectAsync(IDebugTarget target)
    {
        var client = new RawGdbClient(target);
        await client._socket.ConnectAsync(new UnixDomainSocketEndPoint(client.Path));
        return client;
    }

    public static string Frame(string data) => Encoding.Latin1.GetString(GdbText.Frame(Encoding.Latin1.GetBytes(data)));

    public Task SendRawAsync(string bytes) => SendRawAsync(Encoding.Latin1.GetBytes(bytes));

    public async Task SendRawAsync(ReadOnlyMemory<byte> bytes) => await _socket.SendAsync(bytes, TestContext.Current.CancellationToken);

    public Task SendAsync(string data) => SendRawAsync(Frame(data));

    /// <summary>Sends a packet and returns what answers it.</summary>
    public async Task<string> AskAsync(string data)
    {
        await SendAsync(data);
        return await ReadPacketAsync() ?? throw new EndOfStreamException();
    }

    /// <summary>The data of the next packet, past acknowledgements; null at the end of the stream.</summary>
    public async Task<string?> ReadPacketAsync()
    {
        var reader = new GdbFrameReader();
        while (await ReadByteAsync() is { } value)
        {
            if (reader.Add(value) == GdbFrameKind.Packet)
                return Encoding.Latin1.GetString(reader.Packet.Span);
        }

        return null;
    }

    public async Task<byte?> ReadByteAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Patience);
        return await _socket.ReceiveAsync(_one.AsMemory(), deadline.Token) == 0 ? null : _one[0];
    }

    /// <summary>Goes away without a word.</summary>
    public void Hang() => _socket.Dispose();

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
