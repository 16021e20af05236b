using System.Linq.Expressions;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Identity;

namespace CloudVm.Api.Access;

/// <summary><c>/users</c></summary>
internal sealed class Users(CloudVmDbContext database, UserManager<UserEntity> users, Pager pager, TimeProvider timeProvider)
{
    private static readonly Listing<UserEntity> Listing = new(
        new FieldMap<UserEntity>()
            .Add("id", u => u.Id)
            .AddOrdered("userName", u => u.UserName)
            .Add("role", u => u.Role)
            .AddOrdered("createdAt", u => u.CreatedAt),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<UserEntity, Guid>>)(u => u.Id));

    public async Task<Answer> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(database.Users, request, Listing, ToContract, cancellationToken));

    public async Task<Answer> CreateAsync(JsonBody<UserRequest> body, CancellationToken cancellationToken)
    {
        var request = body.Value;
        if (request.UserName is null)
            body.Refuse("/userName", "required", "A user needs a name.");
        else if (!Names.IsValid(request.UserName))
            body.Refuse("/userName", "invalidName", Names.Rule);
        else if (await users.FindByNameAsync(request.UserName) is not null)
            body.Refuse("/userName", ProblemCodes.NameTaken, $"There is a user '{request.UserName}' already.");

        var user = new UserEntity
        {
            Id = timeProvider.NewId(),
            UserName = request.UserName,
            Role = request.Role,
            LockoutEnabled = true,
            CreatedAt = timeProvider.GetDatabaseNow(),
        };
        foreach (var validator in users.PasswordValidators)
        {
            var result = await validator.ValidateAsync(users, user, request.Password ?? "");
            foreach (var error in result.Errors)
                body.Refuse("/password", "weakPassword", error.Description);
        }

        body.RefuseIfInvalid();
        await users.CreateAsync(user, request.Password!).OrThrowAsync();
        database.ProjectMembers.Add(new ProjectMemberEntity { ProjectId = ProjectEntity.DefaultId, UserId = user.Id });
        await database.SaveChangesAsync(cancellationToken);
        return Answer.Created($"/users/{user.Id}", ToContract(user), "1.1");
    }

    private User ToContract(UserEntity user) => new()
    {
        Id = user.Id,
        UserName = user.UserName!,
        Role = user.Role,
        LockedOut = user.LockoutEnd > timeProvider.GetUtcNow(),
        CreatedAt = user.CreatedAt,
    };
}

internal static class IdentityResults
{
    /// <summary>For what can only fail by a fault of ours, since everything has been checked before.</summary>
    public static async Task OrThrowAsync(this Task<IdentityResult> result)
    {
        var outcome = await result;
        if (!outcome.Succeeded)
            throw new InvalidOperationException(string.Join(' ', outcome.Errors.Select(e => e.Description)));
    }
}
