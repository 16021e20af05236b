using CloudVm.Contracts.Access;
using CloudVm.Storage;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary>Finds who a token stands for. Looks it up every time, so that a revocation counts at once on every instance.</summary>
internal sealed class TokenStore(IDbContextFactory<CloudVmDbContext> databases, TimeProvider timeProvider)
{
    /// <summary>How exact <c>lastUsedAt</c> is; a write per request would cost more than the request.</summary>
    private static readonly TimeSpan UseResolution = TimeSpan.FromMinutes(1);

    private static readonly Func<CloudVmDbContext, byte[], DateTimeOffset, CancellationToken, Task<FoundToken?>> FindByHash =
        EF.CompileAsyncQuery((CloudVmDbContext database, byte[] hash, DateTimeOffset now, CancellationToken _) => database.ApiTokens
            .Where(t => t.TokenHash == hash && t.RevokedAt == null && t.ExpiresAt > now)
            .Select(t => new FoundToken(
                t.Id,
                t.UserId,
                t.User!.UserName!,
                t.Role,
                t.User.Role,
                t.LastUsedAt,
                t.User.LockoutEnd,
                database.ProjectMembers.Where(m => m.UserId == t.UserId).Select(m => m.ProjectId).ToArray()))
            .FirstOrDefault());

    public async Task<ApiPrincipal?> FindAsync(string token, CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        return await FindAsync(database, Secrets.Hash(token), cancellationToken);
    }

    /// <summary>Uses a ticket up. It opens one path, once.</summary>
    public async Task<ApiPrincipal?> RedeemTicketAsync(string ticket, string path, CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        var now = timeProvider.GetUtcNow();
        var hash = Secrets.Hash(ticket);
        var tokenHash = await database.Tickets
            .Where(t => t.TicketHash == hash && t.Path == path && t.ExpiresAt > now)
            .Select(t => t.Token!.TokenHash)
            .FirstOrDefaultAsync(cancellationToken);
        if (tokenHash is null)
            return null;

        // Of two that come with the same ticket, one deletes it.
        var isFirst = await database.Tickets.Where(t => t.TicketHash == hash).ExecuteDeleteAsync(cancellationToken) == 1;
        return isFirst ? await FindAsync(database, tokenHash, cancellationToken) : null;
    }

    /// <summary>Whether a token still counts, for connections that outlive many requests.</summary>
    public async Task<bool> IsValidAsync(Guid tokenId, CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        var now = timeProvider.GetUtcNow();
        return await database.ApiTokens.AnyAsync(t => t.Id == tokenId && t.RevokedAt == null && t.ExpiresAt > now, cancellationToken);
    }

    private async Task<ApiPrincipal?> FindAsync(CloudVmDbContext database, byte[] hash, CancellationToken cancellationToken)
    {
        var now = timeProvider.GetUtcNow();
        var found = await FindByHash(database, hash, now, cancellationToken);
        if (found is null || found.LockoutEnd == DateTimeOffset.MaxValue)
            return null;

        if (found.LastUsedAt is null || found.LastUsedAt < now - UseResolution)
        {
            await database.ApiTokens.Where(t => t.Id == found.TokenId)
                .ExecuteUpdateAsync(s => s.SetProperty(t => t.LastUsedAt, now), cancellationToken);
        }

        var role = found.TokenRole < found.UserRole ? found.TokenRole : found.UserRole;
        return new ApiPrincipal(found.UserId, found.UserName, role, found.TokenId, [.. found.ProjectIds]);
    }

    private sealed record FoundToken(
        Guid TokenId,
        Guid UserId,
        string UserName,
        Role TokenRole,
        Role UserRole,
        DateTimeOffset? LastUsedAt,
        DateTimeOffset? LockoutEnd,
        Guid[] ProjectIds);
}
