using CloudVm.Contracts.Access;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary>Makes tokens. Their values leave the process in the one answer and are kept nowhere.</summary>
internal sealed class TokenIssuer(CloudVmDbContext database, TimeProvider timeProvider)
{
    private const string Prefix = "cvm_";

    public async Task<IssuedToken> IssueAsync(
        UserEntity user, string name, TokenKind kind, Role role, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetDatabaseNow();
        var value = Secrets.New(Prefix);
        var token = new ApiTokenEntity
        {
            Id = timeProvider.NewId(),
            UserId = user.Id,
            Name = name,
            Kind = kind,
            Role = role < user.Role ? role : user.Role,
            TokenHash = Secrets.Hash(value),
            CreatedAt = now,
            ExpiresAt = now + lifetime,
        };
        database.ApiTokens.Add(token);
        await database.SaveChangesAsync(cancellationToken);
        return new IssuedToken
        {
            Id = token.Id,
            Token = value,
            ExpiresAt = token.ExpiresAt,
            Principal = new Principal
            {
                UserId = user.Id,
                UserName = user.UserName!,
                Role = token.Role,
                Projects = await ProjectNamesAsync(user, cancellationToken),
            },
        };
    }

    private Task<List<string>> ProjectNamesAsync(UserEntity user, CancellationToken cancellationToken) => database.Projects
        .Where(p => user.Role == Role.Administrator || database.ProjectMembers.Any(m => m.ProjectId == p.Id && m.UserId == user.Id))
        .Select(p => p.Name)
        .Order()
        .ToListAsync(cancellationToken);
}
