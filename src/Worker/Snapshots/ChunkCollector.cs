using CloudVm.Storage;
using Npgsql;

namespace CloudVm.Worker.Snapshots;

/// <summary>What a collection did.</summary>
/// <param name="Deleted">Chunks removed.</param>
/// <param name="ExpiredSessions">Upload sessions given up.</param>
public readonly record struct CollectionResult(long Deleted, int ExpiredSessions);

/// <summary>
/// Removes chunks that no manifest names: mark and sweep. A chunk that was touched since the oldest open upload session began may be part
/// of a snapshot that is not visible yet, and is spared; that is looked at again, under the row's lock, when it is deleted.
/// </summary>
/// <remarks>
/// Why nothing in use is lost: a writer touches every chunk it relies on (or finds it gone and stores it) while its session is open. If the
/// session is seen here, the chunk is newer than the limit. If it is not seen because it opened later, its touch is later than this
/// collection's start, which bounds the limit too. If it is not seen because it completed earlier, its manifest is marked, since marking
/// begins after the sessions are read.
/// </remarks>
public sealed partial class ChunkCollector(WorkerOptions options, NpgsqlDataSource database, ILogger<ChunkCollector> logger)
{
    private const int SweepBatch = 1000;

    /// <summary>A session is over when it makes no progress any more, and when its operation has ended without completing it.</summary>
    private const string ExpireSql = """
        DELETE FROM upload_sessions session
        WHERE heartbeat_at < now() - @timeout
           OR EXISTS (SELECT FROM operations WHERE id = session.operation_id AND ended_at IS NOT NULL)
        """;

    private static readonly long LockKey = AdvisoryLocks.Of("chunk collector");

    /// <summary>Collects once.</summary>
    /// <returns>Null when another node is at it.</returns>
    public async Task<CollectionResult?> CollectAsync(CancellationToken ct)
    {
        await using NpgsqlConnection connection = await database.OpenConnectionAsync(ct).ConfigureAwait(false);
        if (await ScalarAsync(connection, "SELECT pg_try_advisory_lock(@key)", ct, ("key", LockKey)).ConfigureAwait(false) is not true)
            return null;
        try
        {
            int expired = await ExecuteAsync(connection, ExpireSql, ct, ("timeout", options.UploadSessionTimeout)).ConfigureAwait(false);
            object limit = (await ScalarAsync(
                connection, "SELECT least(now(), (SELECT min(started_at) FROM upload_sessions))", ct).ConfigureAwait(false))!;
            await MarkAsync(connection, ct).ConfigureAwait(false);
            long deleted = 0;
            int batch;
            do
            {
                batch = await SweepAsync(connection, limit, ct).ConfigureAwait(false);
                deleted += batch;
            }
            while (batch == SweepBatch);

            if (deleted > 0 || expired > 0)
                LogCollected(deleted, expired);
            return new CollectionResult(deleted, expired);
        }
        finally
        {
            // Also drops the lock where this fails: the lock is the session's, and so is the temporary table.
            await ExecuteAsync(connection, "DROP TABLE IF EXISTS marked_chunks", CancellationToken.None).ConfigureAwait(false);
            await ExecuteAsync(connection, "SELECT pg_advisory_unlock(@key)", CancellationToken.None, ("key", LockKey)).ConfigureAwait(false);
        }
    }

    private static async Task MarkAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await ExecuteAsync(connection, "DROP TABLE IF EXISTS marked_chunks", ct).ConfigureAwait(false);
        await ExecuteAsync(
            connection,
            """
            CREATE TEMPORARY TABLE marked_chunks AS
            SELECT DISTINCT substring(hashes FROM i * 32 + 1 FOR 32) AS hash
            FROM (SELECT hashes FROM snapshot_manifest_parts UNION ALL SELECT hashes FROM snapshot_disk_parts) AS parts,
                generate_series(0, octet_length(hashes) / 32 - 1) AS i
            """,
            ct).ConfigureAwait(false);
        await ExecuteAsync(connection, "CREATE UNIQUE INDEX ON marked_chunks (hash)", ct).ConfigureAwait(false);
        await ExecuteAsync(connection, "ANALYZE marked_chunks", ct).ConfigureAwait(false);
    }

    /// <summary>The outer condition is evaluated again on the locked row: a touch that came in between spares it.</summary>
    private static Task<int> SweepAsync(NpgsqlConnection connection, object limit, CancellationToken ct) =>
        ExecuteAsync(
            connection,
            """
            DELETE FROM chunks WHERE touched_at < @limit AND hash IN (
                SELECT c.hash FROM chunks c
                WHERE c.touched_at < @limit AND NOT EXISTS (SELECT FROM marked_chunks m WHERE m.hash = c.hash)
                LIMIT @batch)
            """,
            ct,
            ("limit", limit),
            ("batch", SweepBatch));

    private static async Task<int> ExecuteAsync(
        NpgsqlConnection connection, string sql, CancellationToken ct, params (string Name, object Value)[] parameters)
    {
        await using NpgsqlCommand command = Command(connection, sql, parameters);
        return await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private static async Task<object?> ScalarAsync(
        NpgsqlConnection connection, string sql, CancellationToken ct, params (string Name, object Value)[] parameters)
    {
        await using NpgsqlCommand command = Command(connection, sql, parameters);
        return await command.ExecuteScalarAsync(ct).ConfigureAwait(false);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, (string Name, object Value)[] parameters)
    {
#pragma warning disable CA2100 // The texts are constants of this class.
        NpgsqlCommand command = new(sql, connection);
#pragma warning restore CA2100
        foreach ((string name, object value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    [LoggerMessage(1411, LogLevel.Information, "Collected {Deleted} chunks; {Expired} abandoned upload sessions")]
    private partial void LogCollected(long deleted, int expired);
}
