using CloudVm.Worker.Nodes;
using Npgsql;

namespace CloudVm.Worker.Snapshots;

/// <summary>The upload session expired: the collector gave it up and may have deleted chunks that it relied on.</summary>
public sealed class UploadSessionExpiredException() : Exception("The upload session expired.");

/// <summary>Opens and keeps upload sessions. While one is open, the collector spares every chunk touched since it began.</summary>
public sealed class UploadSessions(NpgsqlDataSource database, NodeIdentity node)
{
    /// <summary>Opens a session for an operation, in place of what an earlier attempt at it left.</summary>
    public async Task<Guid> OpenAsync(Guid operationId, CancellationToken ct)
    {
        await using NpgsqlCommand open = database.CreateCommand(
            """
            WITH earlier AS (DELETE FROM upload_sessions WHERE operation_id = @operation)
            INSERT INTO upload_sessions (id, operation_id, node_id, started_at, heartbeat_at) VALUES (@id, @operation, @node, now(), now())
            """);
        Guid id = Guid.CreateVersion7();
        open.Parameters.AddWithValue("id", id);
        open.Parameters.AddWithValue("operation", operationId);
        open.Parameters.AddWithValue("node", node.Id);
        await open.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        return id;
    }

    /// <summary>Says that the session makes progress.</summary>
    /// <exception cref="UploadSessionExpiredException">It was given up.</exception>
    public async Task KeepAliveAsync(Guid sessionId, CancellationToken ct)
    {
        await using NpgsqlCommand keep = database.CreateCommand("UPDATE upload_sessions SET heartbeat_at = now() WHERE id = @id");
        keep.Parameters.AddWithValue("id", sessionId);
        if (await keep.ExecuteNonQueryAsync(ct).ConfigureAwait(false) == 0)
            throw new UploadSessionExpiredException();
    }

    /// <summary>Closes a session that leads to nothing.</summary>
    public async Task AbandonAsync(Guid sessionId, CancellationToken ct)
    {
        await using NpgsqlCommand abandon = database.CreateCommand("DELETE FROM upload_sessions WHERE id = @id");
        abandon.Parameters.AddWithValue("id", sessionId);
        await abandon.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }
}
