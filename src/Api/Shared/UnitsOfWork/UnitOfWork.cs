using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Storage;

namespace CloudVm.Api.Shared.UnitsOfWork;

/// <summary>
/// Endpoint filter of everything that changes something: one transaction around the handler, which commits the change, its
/// operation, its events and the stored answer together, or nothing at all. With <c>?validateOnly=true</c> it ends by a
/// rollback, so that the checks are exactly those of the real thing.
/// </summary>
internal sealed class UnitOfWork : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        var database = http.RequestServices.GetRequiredService<CloudVmDbContext>();
        var validateOnly = QueryFlags.Read(http.Request, "validateOnly");
        await using var transaction = await database.Database.BeginTransactionAsync(http.RequestAborted);

        var idempotency = HttpMethods.IsPost(http.Request.Method)
            ? await IdempotencyKey.ClaimAsync(http, database)
            : null;
        if (idempotency is not null && await idempotency.FindAnswerAsync(http.RequestAborted) is { } earlier)
            return earlier;

        var result = await next(context);
        await database.SaveChangesAsync(http.RequestAborted);
        if (validateOnly)
        {
            await transaction.RollbackAsync(http.RequestAborted);
            return result is Answer { Body: { } body } ? Answer.Ok(body) : result;
        }

        if (idempotency is not null && result is Answer answer)
            await idempotency.StoreAsync(answer, http.RequestAborted);

        // Past this point the client may have left, the change stays.
        await transaction.CommitAsync(CancellationToken.None);
        return result;
    }
}

/// <summary>Boolean query parameters.</summary>
internal static class QueryFlags
{
    public static bool Read(HttpRequest request, string name) => request.Query[name].ToString() switch
    {
        "" or "false" => false,
        "true" => true,
        var other => throw Refusal.BadQuery(name, $"'{other}' is neither true nor false."),
    };
}
