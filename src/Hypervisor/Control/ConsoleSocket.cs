using System.Net.WebSockets;
using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Control;

/// <summary>One viewer of the console: output flows out from an offset on, what the viewer sends is typed into the UART.</summary>
internal sealed class ConsoleSocket(WebSocket socket, GuestMachine machine)
{
    private const int BufferBytes = 16 * 1024;

    /// <summary>
    /// How long the viewer's side may take to end after ours: cancelling at once could cut off the last message, in either direction.
    /// </summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    /// <summary>Serves until the viewer leaves or the machine has ended.</summary>
    public async Task RunAsync(long from, CancellationToken ct)
    {
        using var stop = new CancellationTokenSource();
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(stop.Token, ct);
        var input = TypeAsync(stop.Token);
        var output = ShowAsync(from, leaving.Token);
        // A viewer may type and leave at once: what arrived before it left is still read, whatever ended the output.
        if (await Task.WhenAny(input, output).ConfigureAwait(false) == output)
            await Task.WhenAny(input, Task.Delay(Farewell, stop.Token)).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await IgnoreLeaving(input).ConfigureAwait(false);
        await IgnoreLeaving(output).ConfigureAwait(false);
    }

    /// <summary>A viewer that leaves in whatever way is the normal end of both directions.</summary>
    private static async Task IgnoreLeaving(Task direction)
    {
        try
        {
            await direction.ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException or IOException or ObjectDisposedException)
        {
        }
    }

    private async Task TypeAsync(CancellationToken ct)
    {
        var buffer = new byte[BufferBytes];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer.AsMemory(), ct).ConfigureAwait(false);
            if (message.MessageType == WebSocketMessageType.Close)
                return;
            if (message.MessageType == WebSocketMessageType.Binary)
                machine.TypeConsole(buffer.AsSpan(0, message.Count));
        }
    }

    private async Task ShowAsync(long position, CancellationToken ct)
    {
        var buffer = new byte[BufferBytes];
        var generation = machine.Console.Generation;
        var first = true;
        while (true)
        {
            var ended = machine.Ended.IsCompleted;
            var count = machine.Console.Read(ref position, ref generation, buffer, out var restarted);
            if (first || restarted)
            {
                await SendAsync(new ConsoleFrame("replay", position - count, null), ct).ConfigureAwait(false);
                first = false;
            }

            if (count > 0)
            {
                await socket.SendAsync(buffer.AsMemory(0, count), WebSocketMessageType.Binary, true, ct).ConfigureAwait(false);
            }
            else if (ended)
            {
                var exit = await machine.Ended.ConfigureAwait(false);
                await SendAsync(new ConsoleFrame("end", position, exit.Reason.ToString()), ct).ConfigureAwait(false);
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, ct).ConfigureAwait(false);
                return;
            }
            else
            {
                await Task.WhenAny(machine.Console.WaitAsync(position, generation, ct), machine.Ended).ConfigureAwait(false);
                ct.ThrowIfCancellationRequested();
            }
        }
    }

    private ValueTask SendAsync(ConsoleFrame frame, CancellationToken ct) =>
        socket.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(frame, ControlJsonContext.Default.ConsoleFrame).AsMemory(),
            WebSocketMessageType.Text, endOfMessage: true, ct);
}
