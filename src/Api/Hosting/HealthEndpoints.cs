using Npgsql;

namespace CloudVm.Api.Hosting;

/// <summary><c>/healthz</c>: the process lives. <c>/readyz</c>: it can serve, that is, it reaches a migrated database.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz", () => Results.Text("ok")).AllowAnonymous().ExcludeFromDescription();
        routes.MapGet("/readyz", CheckAsync).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task<IResult> CheckAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = source.CreateCommand("SELECT last FROM event_positions WHERE id = 1");
            await command.ExecuteScalarAsync(cancellationToken);
            return Results.Text("ready");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return NotReady("The database has not been migrated: run 'CloudVm.Api migrate'.");
        }
        catch (NpgsqlException e)
        {
            return NotReady($"The database cannot be reached: {e.Message}");
        }
    }

    private static IResult NotReady(string reason) => Results.Text(reason, statusCode: StatusCodes.Status503ServiceUnavailable);
}
