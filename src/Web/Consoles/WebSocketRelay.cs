using System.Buffers;
using System.Net.WebSockets;

namespace CloudVm.Web.Consoles;

/// <summary>Joins two WebSockets until either side closes.</summary>
public static class WebSocketRelay
{
    private const int BufferBytes = 16 * 1024;

    /// <summary>Passes messages both ways, frame by frame, and hands a close on to the other side.</summary>
    public static async Task RunAsync(WebSocket left, WebSocket right, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ways = new[] { PumpAsync(left, right, stop.Token), PumpAsync(right, left, stop.Token) };
        await Task.WhenAny(ways);
        await stop.CancelAsync();
        await Task.WhenAll(ways);
    }

    private static async Task PumpAsync(WebSocket source, WebSocket target, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (true)
            {
                var received = await source.ReceiveAsync(buffer.AsMemory(), cancellationToken);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    // CloseOutputAsync does not wait for an answer, so that a peer that has died cannot hold this side.
                    await target.CloseOutputAsync(
                        source.CloseStatus is { } status && IsSendable(status) ? status : WebSocketCloseStatus.EndpointUnavailable,
                        source.CloseStatusDescription, cancellationToken);
                    return;
                }

                await target.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, cancellationToken);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either side has gone without a close frame; ending the relay closes the other.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // RFC 6455 section 7.4.1: 1005, 1006 and 1015 only ever stand for the lack of a close frame.
    private static bool IsSendable(WebSocketCloseStatus status) => (int)status is not (0 or 1005 or 1006 or 1015);
}
