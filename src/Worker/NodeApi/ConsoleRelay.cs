using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.NodeApi;

/// <summary>
/// Joins a viewer's WebSocket to the console of the VM's process. A VM without a guest shows the end of its stored log and says so.
/// </summary>
internal static class ConsoleRelay
{
    private const int BufferBytes = 16 * 1024;
    private const int StoredTailBytes = 64 * 1024;

    public static async Task<IResult> HandleAsync(
        Guid id, long? from, HttpContext context, VmProcesses processes, NodePaths paths, IHostApplicationLifetime lifetime)
    {
        if (!context.WebSockets.IsWebSocketRequest)
            return NodeProblems.Invalid("", "The console is a WebSocket.");
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        WebSocket? guest = await AttachAsync(id, from ?? 0, processes, end.Token).ConfigureAwait(false);
        using WebSocket viewer = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        try
        {
            if (guest is null)
                await ShowStoredAsync(viewer, paths.ForVm(id), end.Token).ConfigureAwait(false);
            else
                await JoinAsync(viewer, guest, end).ConfigureAwait(false);
        }
        catch (Exception broken) when (broken is WebSocketException or OperationCanceledException or IOException)
        {
            // Either side has gone; the other is closed below.
        }
        finally
        {
            guest?.Dispose();
        }

        return Results.Empty;
    }

    private static async Task<WebSocket?> AttachAsync(Guid id, long from, VmProcesses processes, CancellationToken ct)
    {
        if (!processes.Live.TryGetValue(id, out HypervisorInstance? instance) || instance.Process.Exited.IsCompleted)
            return null;
        try
        {
            return await instance.Client.AttachConsoleAsync(from, ct).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is WebSocketException or HttpRequestException)
        {
            return null;
        }
    }

    private static async Task JoinAsync(WebSocket viewer, WebSocket guest, CancellationTokenSource end)
    {
        Task output = CopyAsync(guest, viewer, end.Token);
        Task input = CopyAsync(viewer, guest, end.Token);
        await Task.WhenAny(output, input).ConfigureAwait(false);
        // The first to finish has closed its target; give the other the same chance, then stop it.
        end.CancelAfter(TimeSpan.FromSeconds(2));
        await Task.WhenAll(output, input).ConfigureAwait(false);
    }

    private static async Task CopyAsync(WebSocket source, WebSocket target, CancellationToken ct)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult received = await source.ReceiveAsync(buffer.AsMemory(), ct).ConfigureAwait(false);
                if (received.MessageType == WebSocketMessageType.Close)
                    break;
                await target.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, ct).ConfigureAwait(false);
            }

            if (target.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await target.CloseOutputAsync(
                    source.CloseStatus ?? WebSocketCloseStatus.NormalClosure, source.CloseStatusDescription, ct).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task ShowStoredAsync(WebSocket viewer, VmDirectory directory, CancellationToken ct)
    {
        await SendFrameAsync(viewer, new ConsoleFrame("replay", 0, "stored log"), ct).ConfigureAwait(false);
        if (File.Exists(directory.ConsoleLog))
        {
            await using FileStream file = new(directory.ConsoleLog, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            file.Seek(-Math.Min(file.Length, StoredTailBytes), SeekOrigin.End);
            byte[] tail = new byte[StoredTailBytes];
            int read = await file.ReadAtLeastAsync(tail, tail.Length, throwOnEndOfStream: false, ct).ConfigureAwait(false);
            await viewer.SendAsync(tail.AsMemory(0, read), WebSocketMessageType.Binary, endOfMessage: true, ct).ConfigureAwait(false);
        }

        await SendFrameAsync(viewer, new ConsoleFrame("end", 0, "The VM is not running."), ct).ConfigureAwait(false);
        await viewer.CloseAsync(WebSocketCloseStatus.NormalClosure, "The VM is not running.", ct).ConfigureAwait(false);
    }

    private static ValueTask SendFrameAsync(WebSocket viewer, ConsoleFrame frame, CancellationToken ct) =>
        viewer.SendAsync(
            JsonSerializer.SerializeToUtf8Bytes(frame, ControlJsonContext.Default.ConsoleFrame), WebSocketMessageType.Text, WebSocketMessageFlags.EndOfMessage, ct);
}
