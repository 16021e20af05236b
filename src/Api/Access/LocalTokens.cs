using System.Security.Cryptography;
using System.Text;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Access;

/// <summary><c>POST /tokens:local</c>: whoever can read the installation's secret file administers it.</summary>
internal sealed class LocalTokens(CloudVmDbContext database, ApiSettings settings, TokenIssuer tokens)
{
    public const string SecretHeader = "X-CloudVm-Local-Secret";

    private const string SecretFile = "local-admin";

    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    public async Task<Answer> HandleAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var secret = await settings.ReadSecretAsync(SecretFile, cancellationToken);
        var given = request.Headers[SecretHeader].ToString();
        if (string.IsNullOrEmpty(secret) || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(given)))
            throw new ProblemException(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthenticated, "The local secret is missing or wrong.");

        var administrator = await database.Users
            .Where(u => u.Role == Role.Administrator)
            .OrderBy(u => u.CreatedAt)
            .FirstOrDefaultAsync(cancellationToken)
            ?? throw Refusal.InvalidState("There is no administrator yet: run 'CloudVm.Api bootstrap'.");
        return Answer.CreatedSecret(
            await tokens.IssueAsync(administrator, "local", TokenKind.Local, Role.Administrator, Lifetime, cancellationToken));
    }
}
