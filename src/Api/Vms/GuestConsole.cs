using System.Net.WebSockets;
using CloudVm.Api.Access;
using CloudVm.Api.Nodes;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;

namespace CloudVm.Api.Vms;

/// <summary><c>GET /vms/{id}/console</c>: a WebSocket to the node's, frame by frame.</summary>
internal sealed class GuestConsole(
    GuestReader guests, NodeProxy nodes, ProjectScope scope, TokenStore tokens, ApiSettings settings, IHostApplicationLifetime lifetime)
{
    private const int BufferBytes = 16 * 1024;

    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TokenCheckInterval = TimeSpan.FromSeconds(15);

    public async Task HandleAsync(Guid id, HttpContext http)
    {
        if (!http.WebSockets.IsWebSocketRequest)
            throw Refusal.BadRequest(ProblemCodes.InvalidRequest, "The console is a WebSocket; its log is at console/log.");
        CheckOrigin(http.Request);
        var vm = await guests.FindAsync(id, http.RequestAborted);
        var node = await nodes.FindNodeAsync(vm, http.RequestAborted)
            ?? throw Refusal.InvalidState($"VM '{vm.Name}' has never been started: it has no console yet.");

        using var upstream = new ClientWebSocket();
        upstream.Options.Proxy = null;
        upstream.Options.SetRequestHeader("Authorization", await nodes.ReadCredentialsAsync(http.RequestAborted));
        await ConnectAsync(upstream, node.Url, $"/vms/{id}/console{FromQuery(http.Request)}", node.Name, http.RequestAborted);

        using var client = await http.WebSockets.AcceptWebSocketAsync();
        using var open = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        var mayType = scope.Principal.IsAtLeast(Role.Operator);
        var down = PumpAsync(upstream, client, passData: true, open.Token);
        var up = PumpAsync(client, upstream, mayType, open.Token);
        await Task.WhenAny(down, up, WatchTokenAsync(open.Token));

        // Either side's end is the other's: what does not close by itself soon is cut off.
        open.CancelAfter(TimeSpan.FromSeconds(2));
        await Task.WhenAll(down, up);
    }

    /// <summary>Returns when the token that opened the console no longer counts.</summary>
    private async Task WatchTokenAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TokenCheckInterval);
        while (await MayStayAsync(cancellationToken))
            await timer.WaitForNextTickAsync(cancellationToken);
    }

    private async Task<bool> MayStayAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await tokens.IsValidAsync(scope.Principal.TokenId, cancellationToken);
        }
        catch (Exception e) when (DatabaseFaults.IsLoss(e))
        {
            // A guest outlives its database, and so does the sight of it.
            return true;
        }
    }

    /// <summary>Browsers say where a page came from; only the dashboard and this service itself may open consoles.</summary>
    private void CheckOrigin(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        var isAllowed = origin.Length == 0
            || IsSameOrigin(origin, settings.WebUrl)
            || IsSameOrigin(origin, $"{request.Scheme}://{request.Host}");
        if (!isAllowed)
            throw new ProblemException(StatusCodes.Status403Forbidden, ProblemCodes.Forbidden, $"Pages of {origin} may not open consoles.");
    }

    private static bool IsSameOrigin(string origin, string url) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var left)
        && Uri.TryCreate(url, UriKind.Absolute, out var right)
        && Uri.Compare(left, right, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static string FromQuery(HttpRequest request)
    {
        var from = request.Query["from"].ToString();
        if (from.Length == 0)
            return "";
        return from.All(char.IsAsciiDigit) ? $"?from={from}" : throw Refusal.BadQuery("from", $"'{from}' is no byte offset.");
    }

    private static async Task ConnectAsync(
        ClientWebSocket socket, string nodeUrl, string path, string nodeName, CancellationToken cancellationToken)
    {
        var address = new UriBuilder(nodeUrl.TrimEnd('/') + path);
        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ConnectPatience);
        socket.Options.CollectHttpResponseDetails = true;
        try
        {
            await socket.ConnectAsync(address.Uri, patience.Token);
        }
        catch (Exception e) when (e is WebSocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw socket.HttpStatusCode is System.Net.HttpStatusCode.NotFound or System.Net.HttpStatusCode.Conflict
                ? Refusal.InvalidState("The VM has no console on its node.")
                : Refusal.NodeUnavailable($"Node '{nodeName}' does not open the console: {e.Message}");
        }
    }

    private static async Task PumpAsync(WebSocket from, WebSocket to, bool passData, CancellationToken cancellationToken)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (true)
            {
                var received = await from.ReceiveAsync(buffer.AsMemory(), cancellationToken);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    if (to.State is WebSocketState.Open or WebSocketState.CloseReceived)
                        await to.CloseOutputAsync(from.CloseStatus ?? WebSocketCloseStatus.NormalClosure, from.CloseStatusDescription, cancellationToken);
                    return;
                }

                if (passData)
                    await to.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, cancellationToken);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One side is gone without a word; the other learns it by its socket's end.
        }
    }
}
