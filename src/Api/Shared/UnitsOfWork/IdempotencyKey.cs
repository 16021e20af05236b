using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Shared.UnitsOfWork;

/// <summary>
/// <c>Idempotency-Key</c>: a repeated POST answers as the first did. The answer is stored in the transaction of its effect;
/// a repetition that overtakes is found by an advisory try-lock, for a unique index would only make it wait.
/// </summary>
internal sealed class IdempotencyKey
{
    public const string Header = "Idempotency-Key";

    private const int MaxLength = 255;

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private readonly CloudVmDbContext _database;
    private readonly DateTimeOffset _now;
    private readonly Guid _userId;
    private readonly string _route;
    private readonly string _key;
    private readonly byte[] _requestHash;

    private IdempotencyKey(CloudVmDbContext database, DateTimeOffset now, Guid userId, string route, string key, byte[] requestHash)
    {
        _database = database;
        _now = now;
        _userId = userId;
        _route = route;
        _key = key;
        _requestHash = requestHash;
    }

    /// <summary>Makes the key this request's own until its transaction ends; null where the request has none.</summary>
    /// <exception cref="ProblemException">The key is malformed, or another request with it is in flight.</exception>
    public static async Task<IdempotencyKey?> ClaimAsync(HttpContext http, CloudVmDbContext database)
    {
        if (http.Request.Headers[Header].ToString() is not { Length: > 0 } key)
            return null;
        if (key.Length > MaxLength || key.Any(c => c is < ' ' or > '~'))
            throw Refusal.BadRequest(ProblemCodes.InvalidRequest, $"{Header} must be at most {MaxLength} printable ASCII characters.");

        var userId = http.User.GetPrincipal().UserId;
        var route = http.Request.Path.Value!;
        var lockKey = AdvisoryLocks.Of($"idempotency\n{userId}\n{route}\n{key}");
        var isFree = await database.Database
            .SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock({lockKey}) AS \"Value\"").SingleAsync(http.RequestAborted);
        if (!isFree)
        {
            throw Refusal.Conflict(
                ProblemCodes.IdempotencyInFlight, "A request with this Idempotency-Key is being answered; repeat it for that answer.");
        }

        var now = http.RequestServices.GetRequiredService<TimeProvider>().GetDatabaseNow();
        return new IdempotencyKey(database, now, userId, route, key, await HashAsync(http.Request, http.RequestAborted));
    }

    /// <summary>The answer of an earlier request with this key.</summary>
    /// <exception cref="ProblemException">That request was another one.</exception>
    public async Task<IResult?> FindAnswerAsync(CancellationToken cancellationToken)
    {
        var stored = await _database.IdempotencyKeys
            .FirstOrDefaultAsync(k => k.UserId == _userId && k.Route == _route && k.Key == _key, cancellationToken);
        if (stored is null)
            return null;
        if (stored.CreatedAt < _now - Lifetime)
        {
            _database.Remove(stored);
            return null;
        }

        if (!stored.RequestHash.AsSpan().SequenceEqual(_requestHash))
        {
            throw new ProblemException(
                StatusCodes.Status422UnprocessableEntity,
                ProblemCodes.IdempotencyMismatch,
                "This Idempotency-Key was used for another request.");
        }

        return new StoredAnswer(stored);
    }

    public async Task StoreAsync(Answer answer, CancellationToken cancellationToken)
    {
        if (answer.IsSecret)
            return;

        _database.IdempotencyKeys.Add(new IdempotencyKeyEntity
        {
            UserId = _userId,
            Route = _route,
            Key = _key,
            RequestHash = _requestHash,
            Status = answer.Status,
            Headers = JsonSerializer.Serialize(answer.Headers),
            Body = answer.Serialize() ?? [],
            CreatedAt = _now,
        });
        await _database.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Over what makes two requests the same: query, precondition and body.</summary>
    private static async Task<byte[]> HashAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{request.QueryString}\n{request.Headers.IfMatch}\n{request.Headers["X-Content-SHA256"]}\n"));
        if (!request.Body.CanSeek)
            return hash.GetHashAndReset();

        request.Body.Position = 0;
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            int read;
            while ((read = await request.Body.ReadAsync(buffer, cancellationToken)) > 0)
                hash.AppendData(buffer, 0, read);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    private sealed class StoredAnswer(IdempotencyKeyEntity stored) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = stored.Status;
            foreach (var (name, value) in JsonSerializer.Deserialize<Dictionary<string, string>>(stored.Headers)!)
                response.Headers[name] = value;
            response.Headers["Idempotent-Replay"] = "true";
            if (stored.Body.Length == 0)
                return;

            response.ContentType = "application/json";
            await response.Body.WriteAsync(stored.Body, httpContext.RequestAborted);
        }
    }
}
