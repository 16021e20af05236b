using System.Collections.Immutable;
using System.Security.Claims;
using CloudVm.Contracts.Access;

namespace CloudVm.Api.Access;

/// <summary>Who a request acts for, as found by its token.</summary>
/// <param name="UserId">The user.</param>
/// <param name="UserName">The user's name, for <c>createdBy</c>.</param>
/// <param name="Role">The token's role, never above the user's.</param>
/// <param name="TokenId">The token in use.</param>
/// <param name="ProjectIds">Projects of a user who is no administrator.</param>
internal sealed record ApiPrincipal(Guid UserId, string UserName, Role Role, Guid TokenId, ImmutableArray<Guid> ProjectIds)
{
    public bool IsAtLeast(Role role) => Role >= role;
}

/// <summary>Carries <see cref="ApiPrincipal"/> in ASP.NET Core's terms.</summary>
internal sealed class ApiIdentity(ApiPrincipal principal, string authenticationType) : ClaimsIdentity(
    [new Claim(ClaimTypes.NameIdentifier, principal.UserId.ToString()), new Claim(ClaimTypes.Name, principal.UserName)],
    authenticationType)
{
    public ApiPrincipal Principal { get; } = principal;
}

internal static class ApiPrincipalExtensions
{
    public static ApiPrincipal GetPrincipal(this ClaimsPrincipal user) =>
        user.FindPrincipal() ?? throw new InvalidOperationException("The endpoint asks for a principal and allows anonymous requests.");

    public static ApiPrincipal? FindPrincipal(this ClaimsPrincipal user) => (user.Identity as ApiIdentity)?.Principal;
}
