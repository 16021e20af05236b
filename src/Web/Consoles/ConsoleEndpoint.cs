using System.Globalization;
using System.Net.WebSockets;
using CloudVm.Web.Sessions;

namespace CloudVm.Web.Consoles;

/// <summary>
/// <c>GET /consoles/{vmId}?from=</c>: the browser's WebSocket to a VM's console, passed on to the API. Going through the dashboard's own
/// origin keeps the API token out of the browser and needs no second port to be reachable from it.
/// </summary>
public static partial class ConsoleEndpoint
{
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(20);

    public static void MapConsole(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/consoles/{vmId:guid}", AttachAsync).RequireAuthorization().ExcludeFromDescription();

    private static async Task AttachAsync(HttpContext context, Guid vmId, long? from, SessionStore sessions, ApiAccess api, ILoggerFactory loggers)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return;
        }

        // Browsers send cookies with cross-site WebSockets too, so the Origin decides.
        if (!IsSameOrigin(context.Request) || !sessions.TryGet(SessionCookie.SessionIdOf(context.User), out var session))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        using var upstream = new ClientWebSocket();
        upstream.Options.SetRequestHeader("Authorization", $"Bearer {session.Token}");
        upstream.Options.KeepAliveInterval = KeepAlive;
        upstream.Options.CollectHttpResponseDetails = true;
        try
        {
            await upstream.ConnectAsync(ConsoleAddress(api.BaseAddress, vmId, from ?? 0), context.RequestAborted);
        }
        catch (WebSocketException e)
        {
            LogRefused(loggers.CreateLogger(typeof(ConsoleEndpoint)), vmId, e.Message);
            context.Response.StatusCode = upstream.HttpStatusCode is 0 or System.Net.HttpStatusCode.OK
                ? StatusCodes.Status502BadGateway
                : (int)upstream.HttpStatusCode;
            return;
        }

        using var browser = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { KeepAliveInterval = KeepAlive });
        await WebSocketRelay.RunAsync(browser, upstream, context.RequestAborted);
    }

    private static bool IsSameOrigin(HttpRequest request) =>
        Uri.TryCreate(request.Headers.Origin, UriKind.Absolute, out var origin)
        && string.Equals(origin.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);

    private static Uri ConsoleAddress(Uri api, Guid vmId, long from) => new UriBuilder(api)
    {
        Scheme = api.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs,
        Path = $"/api/v1/vms/{vmId}/console",
        Query = string.Create(CultureInfo.InvariantCulture, $"from={from}"),
    }.Uri;
}
