using CloudVm.Contracts.Client;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Mvc;

namespace CloudVm.Web.Sessions;

/// <summary><c>POST /sign-out</c>: revokes the API token and drops the cookie.</summary>
public static partial class SignOutEndpoint
{
    public static void MapSignOut(this IEndpointRouteBuilder routes) => routes.MapPost("/sign-out", SignOutAsync);

    // A form parameter is what makes the endpoint demand the antiforgery token.
    private static async Task<IResult> SignOutAsync(
        [FromForm] string? reason, HttpContext context, SessionStore sessions, ApiAccess api, ILoggerFactory loggers)
    {
        if (sessions.TryGet(SessionCookie.SessionIdOf(context.User), out var session))
        {
            try
            {
                await api.Create(session.Token).Access.SignOutAsync(context.RequestAborted);
            }
            catch (Exception e) when (e is HttpRequestException or CloudVmApiException)
            {
                // The browser must get rid of its session even while the API is away; the token then ends by its own expiry.
                LogNotRevoked(loggers.CreateLogger(typeof(SignOutEndpoint)), e.Message);
            }

            sessions.Remove(session.Id);
        }

        await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
        return Results.LocalRedirect(reason is { Length: > 0 } ? $"{SessionCookie.SignInPath}?reason={Uri.EscapeDataString(reason)}" : SessionCookie.SignInPath);
    }
}
