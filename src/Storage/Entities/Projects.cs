using CloudVm.Contracts.Access;
using Microsoft.AspNetCore.Identity;

namespace CloudVm.Storage.Entities;

/// <summary>The tenant: every resource that a customer owns carries its id.</summary>
public sealed class ProjectEntity
{
    /// <summary>Id of the built-in project <c>default</c>, written by the first migration.</summary>
    public static readonly Guid DefaultId = new("01900000-0000-7000-8000-000000000001");

    public Guid Id { get; init; }

    public required string Name { get; set; }

    public string? Description { get; set; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Somebody who can sign in; password hash, lockout and second factor are ASP.NET Core Identity's.</summary>
public sealed class UserEntity : IdentityUser<Guid>
{
    public Role Role { get; set; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Opens a project to a user who is no administrator; administrators may use all.</summary>
public sealed class ProjectMemberEntity
{
    public Guid ProjectId { get; init; }

    public Guid UserId { get; init; }
}
