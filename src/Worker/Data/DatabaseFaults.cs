using System.Net.Sockets;
using Npgsql;

namespace CloudVm.Worker.Data;

/// <summary>Tells a database that is away, or asks to be asked again, from a request that is wrong.</summary>
public static class DatabaseFaults
{
    /// <summary>Whether the same work can succeed later.</summary>
    public static bool IsTransient(Exception? exception) => exception switch
    {
        null => false,
        // Classes 08 connection, 40 rollback (serialization, deadlock), 53 resources, 55P03 lock, 57P operator intervention.
        PostgresException refused => refused.SqlState[..2] is "08" or "40" or "53"
            || refused.SqlState is "55P03" || refused.SqlState.StartsWith("57P", StringComparison.Ordinal),
        NpgsqlException or SocketException => true,
        _ => IsTransient(exception.InnerException),
    };
}
