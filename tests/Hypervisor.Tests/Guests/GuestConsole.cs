using System.Net.WebSockets;
using System.Text;
using System.Text.RegularExpressions;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A viewer of a guest's console that can wait for text and type commands.</summary>
internal sealed partial class GuestConsole : IAsyncDisposable
{
    /// <summary>hello-sve's prompt at the start of a line, with nothing after it yet.</summary>
    private const string Prompt = "\n> ";

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly WebSocket _socket;
    private readonly CancellationTokenSource _closing = new();
    private readonly StringBuilder _text = new();
    private readonly Task _reading;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    /// <summary>The start of a control sequence of which the end has not come yet.</summary>
    private string _held = "";

    private GuestConsole(WebSocket socket)
    {
        _socket = socket;
        _reading = ReadAsync();
    }

    /// <summary>Everything printed so far, with line feeds only and without control sequences, which shells put before their prompts.</summary>
    public string Text
    {
        get
        {
            lock (_text)
                return _text.ToString();
        }
    }

    public static async Task<GuestConsole> AttachAsync(HypervisorClient client, long from = 0) =>
        new(await client.AttachConsoleAsync(from, TestContext.Current.CancellationToken));

    /// <summary>Waits until <paramref name="pattern"/> occurs at or after <paramref name="start"/>; returns the end of the match.</summary>
    /// <param name="deadline">How long at most; a minute by default.</param>
    /// <exception cref="TimeoutException">It did not occur in time, or the console ended; the message has the whole output.</exception>
    public async Task<int> WaitForAsync(string pattern, int start = 0, TimeSpan? deadline = null)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        timeout.CancelAfter(deadline ?? Deadline);
        while (true)
        {
            Task changed;
            lock (_text)
            {
                var match = Regex.Match(_text.ToString()[start..], pattern, RegexOptions.CultureInvariant | RegexOptions.Multiline);
                if (match.Success)
                    return start + match.Index + match.Length;
                if (_ended)
                    throw new TimeoutException($"The console ended without '{pattern}':\n{_text}");
                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No '{pattern}' on the console:\n{Text}");
            }
        }
    }

    /// <summary>Waits for the first prompt and returns what was printed before it.</summary>
    public async Task<string> WaitForPromptAsync()
    {
        var end = await WaitForAsync(Prompt);
        return Text[..end];
    }

    /// <summary>Types a command when the prompt is there and returns what it printed, without echo and prompt.</summary>
    public async Task<string> RunAsync(string command)
    {
        var start = Text.Length;
        await TypeAsync(command + "\r");
        var echoed = await WaitForAsync(Regex.Escape(command) + "\n", start);
        // The output is whole when the next prompt stands; that the command printed nothing leaves the prompt at once.
        var end = await WaitForAsync("(^|\n)> ", echoed);
        return Text[echoed..end].TrimEnd('>', ' ').TrimEnd('\n');
    }

    public async Task TypeAsync(string keys) =>
        await _socket.SendAsync(Encoding.ASCII.GetBytes(keys), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _reading;
        _socket.Dispose();
        _closing.Dispose();
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[4096];
        try
        {
            while (true)
            {
                var message = await _socket.ReceiveAsync(buffer.AsMemory(), _closing.Token);
                if (message.MessageType == WebSocketMessageType.Close)
                    break;
                if (message.MessageType == WebSocketMessageType.Binary)
                    Append(Encoding.ASCII.GetString(buffer, 0, message.Count));
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or WebSocketException)
        {
            // Disposed, or the process is gone: either way nothing more will be printed.
        }

        Signal(ended: true);
    }

    private void Append(string text)
    {
        text = ControlSequence().Replace(_held + text, "").Replace("\r", "", StringComparison.Ordinal);
        _held = UnfinishedSequence().Match(text).Value;
        lock (_text)
            _text.Append(text.AsSpan(0, text.Length - _held.Length));
        Signal(ended: false);
    }

    private void Signal(bool ended)
    {
        lock (_text)
        {
            _ended |= ended;
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>A control sequence of ECMA-48: CSI, parameters, and a final byte.</summary>
    [GeneratedRegex(@"\x1b\[[0-?]*[ -/]*[@-~]", RegexOptions.CultureInvariant)]
    private static partial Regex ControlSequence();

    [GeneratedRegex(@"\x1b(\[[0-?]*[ -/]*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex UnfinishedSequence();
}
