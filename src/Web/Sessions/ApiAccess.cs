using System.Net;
using System.Net.Http.Headers;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Problems;
using CloudVm.Web.Hosting;

namespace CloudVm.Web.Sessions;

/// <summary>Makes API clients: one connection pool for the process, the caller's own token on each request.</summary>
public sealed class ApiAccess(WebSettings settings, TimeProvider time) : IDisposable
{
    private readonly SocketsHttpHandler _handler = new()
    {
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ConnectTimeout = TimeSpan.FromSeconds(5),
    };

    /// <summary>The API's base address.</summary>
    public Uri BaseAddress => settings.ApiUrl;

    /// <summary>A client without credentials, for signing in and for health checks.</summary>
    public CloudVmClient CreateAnonymous() => new(Http(_handler), time);

    /// <summary>A client that acts with one token.</summary>
    public CloudVmClient Create(string token)
    {
        var http = Http(_handler);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new CloudVmClient(http, time);
    }

    /// <summary>A client that acts for whoever owns the circuit, and ends the session when the API refuses its token.</summary>
    public CloudVmClient Create(CurrentSession session) => new(Http(new SessionHandler(session) { InnerHandler = new Shared(_handler) }), time);

    /// <summary>An HTTP client without credentials on the shared connections.</summary>
    public HttpClient CreateHttp() => Http(_handler);

    /// <inheritdoc/>
    public void Dispose() => _handler.Dispose();

    // Event streams and uploads may last for hours; whoever calls passes a cancellation token where a bound is wanted.
    private HttpClient Http(HttpMessageHandler handler) =>
        new(handler, disposeHandler: false) { BaseAddress = settings.ApiUrl, Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>Keeps the shared handler alive when a chain that ends in it is disposed.</summary>
    private sealed class Shared(HttpMessageHandler shared) : DelegatingHandler(shared)
    {
        protected override void Dispose(bool disposing)
        {
        }
    }

    private sealed class SessionHandler(CurrentSession current) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (await current.GetAsync() is not { } session)
            {
                throw new CloudVmApiException(HttpStatusCode.Unauthorized, new Problem
                {
                    Title = "Your session has ended.",
                    Status = StatusCodes.Status401Unauthorized,
                    Code = ProblemCodes.Unauthenticated,
                    Detail = "Sign in again to go on.",
                });
            }

            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", session.Token);
            var response = await base.SendAsync(request, cancellationToken);
            if (response.StatusCode == HttpStatusCode.Unauthorized)
                current.End();
            return response;
        }
    }
}
