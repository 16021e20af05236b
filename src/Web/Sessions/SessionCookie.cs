using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace CloudVm.Web.Sessions;

/// <summary>The browser's side of a session: an encrypted cookie that holds the session's id, name and role.</summary>
public static class SessionCookie
{
    /// <summary>Claim that holds <see cref="WebSession.Id"/>.</summary>
    public const string SessionClaim = "sid";

    /// <summary>Where the sign-in form is.</summary>
    public const string SignInPath = "/sign-in";

    /// <summary>Adds the cookie scheme. A cookie whose session is gone counts as no cookie.</summary>
    public static void AddSessionCookie(this IServiceCollection services)
    {
        services.AddSingleton<SessionStore>();
        services.AddScoped<CurrentSession>();
        services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(options =>
        {
            options.Cookie.Name = "cloudvm-session";
            options.Cookie.HttpOnly = true;
            options.Cookie.SameSite = SameSiteMode.Lax;
            options.LoginPath = SignInPath;
            options.AccessDeniedPath = "/forbidden";
            options.ReturnUrlParameter = "returnUrl";
            options.Events.OnRedirectToLogin = context =>
            {
                // A page to sign in at is of no use to a socket.
                if (context.HttpContext.WebSockets.IsWebSocketRequest)
                    context.Response.StatusCode = StatusCodes.Status401Unauthorized;
                else
                    context.Response.Redirect(context.RedirectUri);
                return Task.CompletedTask;
            };
            options.Events.OnValidatePrincipal = context =>
            {
                var store = context.HttpContext.RequestServices.GetRequiredService<SessionStore>();
                if (!store.TryGet(SessionIdOf(context.Principal), out _))
                    context.RejectPrincipal();
                return Task.CompletedTask;
            };
        });
        services.AddAuthorization();
    }

    /// <summary>The session id of a signed-in user, or null.</summary>
    public static string? SessionIdOf(ClaimsPrincipal? user) => user?.FindFirstValue(SessionClaim);

    /// <summary>Sends the cookie of <paramref name="session"/>.</summary>
    public static Task SignInAsync(HttpContext context, WebSession session)
    {
        var identity = new ClaimsIdentity(
            [
                new Claim(SessionClaim, session.Id),
                new Claim(ClaimTypes.Name, session.Principal.UserName),
                new Claim(ClaimTypes.Role, session.Principal.Role.ToString()),
            ],
            CookieAuthenticationDefaults.AuthenticationScheme);
        var properties = new AuthenticationProperties { IsPersistent = true, ExpiresUtc = session.ExpiresAt };
        return context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity), properties);
    }

    /// <summary>Takes <paramref name="url"/> only if it stays on this site, so that a link cannot send a fresh session elsewhere.</summary>
    public static string LocalOrHome(string? url) =>
        url is ['/', ..] and not ['/', '/' or '\\', ..] && !url.Any(char.IsControl) ? url : "/";
}
