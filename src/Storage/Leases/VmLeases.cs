using Npgsql;

namespace CloudVm.Storage.Leases;

/// <summary>
/// Leases of VMs. A lease names the one node that may act on a VM, and an epoch that rises with every change of hands, also
/// from a Worker process to its successor on the same node. Expiry is by the database's clock.
/// </summary>
public static class VmLeases
{
    /// <summary>
    /// Takes the lease of a VM that is pinned to the node, or of one that is pinned to none and unleased, which pins it.
    /// </summary>
    /// <returns>The new epoch, or null where another node is in the way.</returns>
    public static async Task<long?> TryAcquireAsync(
        NpgsqlDataSource source, Guid vmId, Guid nodeId, TimeSpan duration, CancellationToken cancellationToken)
    {
        const string sql = """
            WITH pinned AS (
                UPDATE virtual_machines SET node_id = @node
                WHERE id = @vm AND coalesce(node_id, @node) = @node
                RETURNING id
            )
            INSERT INTO vm_leases AS l (vm_id, node_id, epoch, expires_at)
            SELECT id, @node, 1, now() + @duration FROM pinned
            ON CONFLICT (vm_id) DO UPDATE SET node_id = @node, epoch = l.epoch + 1, expires_at = now() + @duration
            WHERE l.node_id = @node OR l.expires_at < now()
            RETURNING epoch
            """;
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddWithValue("vm", vmId);
        command.Parameters.AddWithValue("node", nodeId);
        command.Parameters.AddWithValue("duration", duration);
        return (long?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Prolongs every lease that the node still holds at the given epoch.</summary>
    /// <param name="source">The database.</param>
    /// <param name="nodeId">The holder.</param>
    /// <param name="epochs">Epoch by VM.</param>
    /// <param name="duration">From now.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The VMs whose lease was prolonged; the others are lost.</returns>
    public static async Task<IReadOnlySet<Guid>> RenewAsync(
        NpgsqlDataSource source, Guid nodeId, IReadOnlyDictionary<Guid, long> epochs, TimeSpan duration, CancellationToken cancellationToken)
    {
        const string sql = """
            UPDATE vm_leases AS l SET expires_at = now() + @duration
            FROM unnest(@vms, @epochs) AS held (vm_id, epoch)
            WHERE l.vm_id = held.vm_id AND l.epoch = held.epoch AND l.node_id = @node
            RETURNING l.vm_id
            """;
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddWithValue("node", nodeId);
        command.Parameters.AddWithValue("vms", epochs.Keys.ToArray());
        command.Parameters.AddWithValue("epochs", epochs.Values.ToArray());
        command.Parameters.AddWithValue("duration", duration);

        var renewed = new HashSet<Guid>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            renewed.Add(reader.GetGuid(0));
        return renewed;
    }

    /// <summary>Ends a lease without giving up its epoch.</summary>
    public static async Task ReleaseAsync(
        NpgsqlDataSource source, Guid vmId, Guid nodeId, long epoch, CancellationToken cancellationToken)
    {
        const string sql = """
            UPDATE vm_leases SET expires_at = '-infinity'
            WHERE vm_id = @vm AND node_id = @node AND epoch = @epoch
            """;
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddWithValue("vm", vmId);
        command.Parameters.AddWithValue("node", nodeId);
        command.Parameters.AddWithValue("epoch", epoch);
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Fences the caller's transaction: true when the node holds the lease at this epoch, which then cannot change hands
    /// before the transaction ends.
    /// </summary>
    public static async Task<bool> HoldAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, Guid vmId, Guid nodeId, long epoch, CancellationToken cancellationToken)
    {
        const string sql = "SELECT true FROM vm_leases WHERE vm_id = @vm AND node_id = @node AND epoch = @epoch FOR SHARE";
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        command.Parameters.AddWithValue("vm", vmId);
        command.Parameters.AddWithValue("node", nodeId);
        command.Parameters.AddWithValue("epoch", epoch);
        return await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is true;
    }
}
