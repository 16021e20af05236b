using CloudVm.Contracts.Access;
using Microsoft.AspNetCore.Authorization;

namespace CloudVm.Api.Access;

/// <summary>The least role that an endpoint needs. Roles include those below them.</summary>
internal sealed class RoleRequirement(Role role) : AuthorizationHandler<RoleRequirement>, IAuthorizationRequirement, IAuthorizationRequirementData
{
    public Role Role { get; } = role;

    public IEnumerable<IAuthorizationRequirement> GetRequirements() => [this];

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoleRequirement requirement)
    {
        if (context.User.FindPrincipal()?.IsAtLeast(requirement.Role) == true)
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

internal static class RoleRequirementExtensions
{
    public static TBuilder RequireRole<TBuilder>(this TBuilder builder, Role role)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new RoleRequirement(role));
}
