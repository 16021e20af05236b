using System.Security.Claims;
using System.Text.Encodings.Web;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace CloudVm.Api.Access;

/// <summary>Authenticates by <c>Authorization: Bearer</c>, or by <c>?ticket=</c> where an endpoint allows it.</summary>
internal sealed class TokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, TokenStore tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";

    private const string Prefix = "Bearer ";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return Result(await tokens.FindAsync(header[Prefix.Length..].Trim(), Context.RequestAborted));

        var allowsTicket = Context.GetEndpoint()?.Metadata.GetMetadata<AllowTicket>() is not null;
        if (allowsTicket && Request.Query["ticket"].ToString() is { Length: > 0 } ticket)
            return Result(await tokens.RedeemTicketAsync(ticket, Request.Path, Context.RequestAborted));

        return AuthenticateResult.NoResult();
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer";
        var title = Request.Headers.Authorization.Count == 0
            ? "This needs a token: Authorization: Bearer …"
            : "The token is unknown, expired or revoked.";
        return ProblemWriter.WriteAsync(
            Context, new ProblemException(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthenticated, title));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var needed = Context.GetEndpoint()?.Metadata.GetOrderedMetadata<RoleRequirement>().Max(r => r.Role);
        return ProblemWriter.WriteAsync(
            Context,
            new ProblemException(StatusCodes.Status403Forbidden, ProblemCodes.Forbidden, $"This needs the role '{needed}'.".ToLowerInvariant()));
    }

    private static AuthenticateResult Result(ApiPrincipal? principal) => principal is null
        ? AuthenticateResult.Fail("Unknown, expired or revoked.")
        : AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ApiIdentity(principal, SchemeName)), SchemeName));
}

/// <summary>Marks endpoints that browsers open without headers.</summary>
internal sealed class AllowTicket;
