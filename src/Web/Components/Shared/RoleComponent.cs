using CloudVm.Contracts.Access;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;

namespace CloudVm.Web.Components.Shared;

/// <summary>An <see cref="ApiComponent"/> that knows what its user may do.</summary>
public abstract class RoleComponent : ApiComponent
{
    [CascadingParameter]
    private Task<AuthenticationState> Authentication { get; set; } = null!;

    /// <summary>The user's role.</summary>
    protected Role Role { get; private set; }

    /// <summary>Whether the user may change VMs, images, snapshots and schedules.</summary>
    protected bool MayChange => Role >= Role.Operator;

    /// <summary>The user's name.</summary>
    protected string UserName { get; private set; } = "";

    protected override async Task OnInitializedAsync()
    {
        var user = (await Authentication).User;
        Role = UserRole.Of(user);
        UserName = user.Identity?.Name ?? "";
        await base.OnInitializedAsync();
    }
}
