using System.Net.WebSockets;
using System.Text;
using CloudVm.Testing;

namespace CloudVm.EndToEnd.Tests;

/// <summary>A viewer of a VM's console: types, and remembers what it was shown.</summary>
/// <remarks>Thread: one at a time types or waits.</remarks>
internal sealed class GuestConsole : IAsyncDisposable
{
    private static readonly TimeSpan AnswerDeadline = TimeSpan.FromSeconds(60);

    private readonly ClientWebSocket _socket;
    private readonly StringBuilder _shown = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _reading;
    private int _replays;

    private GuestConsole(ClientWebSocket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    /// <summary>All that is on the viewer's screen and in its scrollback: replays start it anew.</summary>
    public string Shown
    {
        get
        {
            lock (_shown)
                return _shown.ToString().Replace("\r\n", "\n", StringComparison.Ordinal); // A message may end between the two.
        }
    }

    /// <summary>How often the console was replayed: once on attaching, and once after each restore.</summary>
    public int Replays => Volatile.Read(ref _replays);

    public static async Task<GuestConsole> AttachAsync(Installation installation, Guid vmId, string token, CancellationToken cancellationToken)
    {
        ClientWebSocket socket = new();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        UriBuilder address = new(new Uri(installation.ApiUrl, $"api/v1/vms/{vmId}/console?from=0")) { Scheme = "ws" };
        await socket.ConnectAsync(address.Uri, cancellationToken);
        return new GuestConsole(socket);
    }

    /// <summary>Types a line at the prompt and returns all that was printed up to the next prompt.</summary>
    public async Task<string> RunAsync(string command, CancellationToken cancellationToken)
    {
        await UntilAsync(text => text.EndsWith("> ", StringComparison.Ordinal), "a prompt", cancellationToken);
        int begin = Shown.Length;
        await TypeAsync(command, cancellationToken);
        string text = await UntilAsync(
            t => t.Length > begin + command.Length && t.EndsWith("\n> ", StringComparison.Ordinal), $"the end of '{command}'", cancellationToken);
        return text[begin..];
    }

    /// <summary>Types a line and does not wait for what comes of it.</summary>
    public Task TypeAsync(string line, CancellationToken cancellationToken)
        => _socket.SendAsync(Encoding.UTF8.GetBytes(line + "\r"), WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);

    /// <summary>Waits until what is shown meets a condition.</summary>
    public async Task<string> UntilAsync(Func<string, bool> condition, string what, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(AnswerDeadline);
        while (true)
        {
            string text = Shown;
            if (condition(text))
                return text;
            if (_reading.IsCompleted)
                throw new InvalidOperationException($"The console was closed before {what} came. It showed:\n{text}");
            try
            {
                await _changed.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"The console did not show {what} within {AnswerDeadline}. It showed:\n{text}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _reading;
        _socket.Dispose();
        _closing.Dispose();
        _changed.Dispose();
    }

    private async Task ReadAsync()
    {
        byte[] buffer = new byte[16384];
        try
        {
            while (true)
            {
                int length = 0;
                ValueWebSocketReceiveResult received;
                do
                {
                    received = await _socket.ReceiveAsync(buffer.AsMemory(length), _closing.Token);
                    length += received.Count;
                }
                while (!received.EndOfMessage && length < buffer.Length);

                if (received.MessageType == WebSocketMessageType.Close)
                    return;
                Take(received.MessageType, Encoding.UTF8.GetString(buffer, 0, length));
                _changed.Release();
            }
        }
        catch (Exception end) when (end is OperationCanceledException or WebSocketException)
        {
            _ = end; // Disposed, or the other side went away: waiters see that reading has ended.
        }
        finally
        {
            if (!_closing.IsCancellationRequested)
                _changed.Release();
        }
    }

    private void Take(WebSocketMessageType type, string text)
    {
        lock (_shown)
        {
            if (type == WebSocketMessageType.Binary)
            {
                _shown.Append(text);
            }
            else if (text.Contains("\"replay\"", StringComparison.Ordinal))
            {
                _shown.Clear();
                _replays++;
            }
        }
    }
}
