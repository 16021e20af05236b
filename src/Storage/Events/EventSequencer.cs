using Npgsql;

namespace CloudVm.Storage.Events;

/// <summary>
/// Gives committed events their positions. Ids come from a sequence at insert, so id 2 can be committed, and read, before
/// id 1; positions are given after commit by whoever holds one lock, so what is read once never gets anything put before it.
/// </summary>
public static class EventSequencer
{
    private const int Batch = 1000;

    private const string AssignSql = """
        WITH fresh AS (
            SELECT id, row_number() OVER (ORDER BY id) AS ordinal
            FROM (SELECT id FROM outbox_events WHERE position IS NULL ORDER BY id LIMIT @batch) AS waiting
        ), counter AS (
            UPDATE event_positions SET last = last + (SELECT count(*) FROM fresh)
            WHERE id = 1 RETURNING last - (SELECT count(*) FROM fresh) AS base
        )
        UPDATE outbox_events AS e SET position = counter.base + fresh.ordinal
        FROM fresh, counter WHERE e.id = fresh.id
        """;

    /// <summary>Gives positions to every event that is committed now.</summary>
    /// <returns>How many events got one.</returns>
    public static async Task<int> AssignAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        var total = 0;
        while (true)
        {
            var assigned = await AssignBatchAsync(connection, cancellationToken).ConfigureAwait(false);
            total += assigned;
            if (assigned < Batch)
                return total;
        }
    }

    /// <summary>Forgets positioned events older than <paramref name="age"/>; readers that far behind get 410.</summary>
    public static async Task<int> TrimAsync(NpgsqlDataSource source, TimeSpan age, CancellationToken cancellationToken)
    {
        const string sql = """
            WITH gone AS (
                DELETE FROM outbox_events
                WHERE position <= (SELECT max(position) FROM outbox_events WHERE at < now() - @age)
                RETURNING position
            ), mark AS (
                UPDATE event_positions SET trimmed = greatest(trimmed, (SELECT max(position) FROM gone))
                WHERE id = 1 AND EXISTS (SELECT FROM gone)
            )
            SELECT count(*)::int FROM gone
            """;
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddWithValue("age", age);
        return (int)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
    }

    private static async Task<int> AssignBatchAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);

        // Waits rather than tries: the holder may have looked before the event that woke us was committed.
        await using (var take = new NpgsqlCommand("SELECT pg_advisory_xact_lock(@key)", connection, transaction))
        {
            take.Parameters.AddWithValue("key", AdvisoryLocks.EventSequencer);
            await take.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        int assigned;
        await using (var assign = new NpgsqlCommand(AssignSql, connection, transaction))
        {
            assign.Parameters.AddWithValue("batch", Batch);
            assigned = await assign.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        if (assigned > 0)
        {
            await using var notify = new NpgsqlCommand(
                "SELECT pg_notify('cloudvm_positions', last::text) FROM event_positions WHERE id = 1", connection, transaction);
            await notify.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }

        await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
        return assigned;
    }
}
