using System.Security.Claims;
using CloudVm.Contracts.Access;

namespace CloudVm.Web.Components.Shared;

/// <summary>The role of whoever looks at a page.</summary>
public static class UserRole
{
    /// <summary>The role, or viewer for a user without one.</summary>
    public static Role Of(ClaimsPrincipal user) =>
        Enum.TryParse<Role>(user.FindFirstValue(ClaimTypes.Role), out var role) ? role : Role.Viewer;
}
