using System.Linq.Expressions;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary><c>/tokens</c></summary>
internal sealed class Tokens(CloudVmDbContext database, ProjectScope scope, TokenIssuer issuer, Pager pager, TimeProvider timeProvider)
{
    private const int MaxDays = 365;

    private static readonly Listing<ApiTokenEntity> Listing = new(
        new FieldMap<ApiTokenEntity>()
            .Add("id", t => t.Id)
            .AddOrdered("name", t => t.Name)
            .Add("kind", t => t.Kind)
            .Add("role", t => t.Role)
            .AddOrdered("createdAt", t => t.CreatedAt)
            .AddOrdered("expiresAt", t => t.ExpiresAt)
            .Add("lastUsedAt", t => t.LastUsedAt)
            .Add("revokedAt", t => t.RevokedAt),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<ApiTokenEntity, Guid>>)(t => t.Id));

    private IQueryable<ApiTokenEntity> Visible
    {
        get
        {
            var userId = scope.Principal.UserId;
            return scope.Principal.IsAtLeast(Role.Administrator) ? database.ApiTokens : database.ApiTokens.Where(t => t.UserId == userId);
        }
    }

    public async Task<Answer> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(Visible, request, Listing, ToContract, cancellationToken));

    public async Task<Answer> CreateAsync(JsonBody<TokenRequest> body, CancellationToken cancellationToken)
    {
        var request = body.Value;
        var role = request.Role ?? scope.Principal.Role;
        if (request.Name is null)
            body.Refuse("/name", "required", "A token needs a name to be recognised by.");
        else if (!Names.IsValid(request.Name))
            body.Refuse("/name", "invalidName", Names.Rule);
        if (request.ExpiresInDays is < 1 or > MaxDays)
            body.Refuse("/expiresInDays", "outOfRange", $"A token lives 1 to {MaxDays} days.");
        if (role > scope.Principal.Role)
            body.Refuse("/role", "tooPowerful", $"Your own role is {scope.Principal.Role.ToString().ToLowerInvariant()}.");
        body.RefuseIfInvalid();

        var user = await database.Users.FirstAsync(u => u.Id == scope.Principal.UserId, cancellationToken);
        return Answer.CreatedSecret(
            await issuer.IssueAsync(user, request.Name!, TokenKind.Personal, role, TimeSpan.FromDays(request.ExpiresInDays), cancellationToken));
    }

    public async Task<Answer> RevokeAsync(Guid id, CancellationToken cancellationToken)
    {
        var token = await Visible.FirstOrDefaultAsync(t => t.Id == id, cancellationToken) ?? throw Refusal.NotFound("token", id);
        token.RevokedAt ??= timeProvider.GetDatabaseNow();
        return Answer.NoContent();
    }

    public async Task<Answer> RevokeCurrentAsync(CancellationToken cancellationToken)
    {
        var now = timeProvider.GetDatabaseNow();
        await database.ApiTokens.Where(t => t.Id == scope.Principal.TokenId)
            .ExecuteUpdateAsync(s => s.SetProperty(t => t.RevokedAt, now), cancellationToken);
        return Answer.NoContent();
    }

    private static ApiToken ToContract(ApiTokenEntity token) => new()
    {
        Id = token.Id,
        Name = token.Name,
        Kind = token.Kind,
        Role = token.Role,
        CreatedAt = token.CreatedAt,
        ExpiresAt = token.ExpiresAt,
        LastUsedAt = token.LastUsedAt,
        RevokedAt = token.RevokedAt,
    };
}

/// <summary><c>GET /me</c></summary>
internal sealed class WhoAmI(ProjectScope scope)
{
    public async Task<Answer> HandleAsync(CancellationToken cancellationToken) => Answer.Ok(new Principal
    {
        UserId = scope.Principal.UserId,
        UserName = scope.Principal.UserName,
        Role = scope.Principal.Role,
        Projects = await scope.Projects.Select(p => p.Name).Order().ToListAsync(cancellationToken),
    });
}
