using System.Collections.Immutable;
using System.Globalization;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary><c>POST /sessions</c></summary>
internal sealed class SignIn(CloudVmDbContext database, UserManager<UserEntity> users, TokenIssuer tokens, TimeProvider timeProvider)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    /// <summary>Compared with where there is no such user, so that the time taken does not tell.</summary>
    private static readonly string NobodysHash = new PasswordHasher<UserEntity>().HashPassword(new UserEntity(), Secrets.New(""));

    public async Task<Answer> HandleAsync(JsonBody<SignInRequest> body, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(body.Value.User))
            body.Refuse("/user", "required", "Signing in needs a user name.");
        if (string.IsNullOrEmpty(body.Value.Password))
            body.Refuse("/password", "required", "Signing in needs a password.");
        var request = body.Demand();

        // No unit of work around this: a failure must be counted, and guesses made at the same time one after the other.
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var name = users.NormalizeName(request.User);
        await database.Database.ExecuteSqlAsync($"SELECT FROM users WHERE normalized_user_name = {name} FOR UPDATE", cancellationToken);
        var user = await users.FindByNameAsync(request.User!);
        var refusal = await CheckAsync(user, request.Password!);
        var token = refusal is null
            ? await tokens.IssueAsync(user!, "session", TokenKind.Session, user!.Role, Lifetime, cancellationToken)
            : null;
        await transaction.CommitAsync(CancellationToken.None);
        return refusal is null ? Answer.CreatedSecret(token!) : throw refusal;
    }

    private async Task<ProblemException?> CheckAsync(UserEntity? user, string password)
    {
        if (user is null)
        {
            users.PasswordHasher.VerifyHashedPassword(new UserEntity(), NobodysHash, password);
            return Failed();
        }

        if (await users.IsLockedOutAsync(user))
            return LockedOut(user);
        if (await users.CheckPasswordAsync(user, password))
        {
            await users.ResetAccessFailedCountAsync(user);
            return null;
        }

        await users.AccessFailedAsync(user);
        return await users.IsLockedOutAsync(user) ? LockedOut(user) : Failed();
    }

    private static ProblemException Failed() =>
        new(StatusCodes.Status401Unauthorized, ProblemCodes.SignInFailed, "User name or password is wrong.");

    private ProblemException LockedOut(UserEntity user)
    {
        var seconds = (int)Math.Ceiling(((user.LockoutEnd ?? default) - timeProvider.GetUtcNow()).TotalSeconds);
        return new ProblemException(StatusCodes.Status401Unauthorized, ProblemCodes.LockedOut, "Too many wrong passwords: the user is locked for a while.")
        {
            Headers = ImmutableDictionary<string, string>.Empty.Add("Retry-After", Math.Max(1, seconds).ToString(CultureInfo.InvariantCulture)),
        };
    }
}
