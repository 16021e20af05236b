using System.Net.Sockets;
using CloudVm.Storage;

namespace CloudVm.Worker.Data;

/// <summary>Tells a database that is away, or asks to be asked again, from a request that is wrong.</summary>
public static class TransientFaults
{
    private const string InsufficientResources = "53";

    /// <summary>Whether the same work can succeed later.</summary>
    public static bool IsTransient(Exception? exception) =>
        exception is not null
        && (DatabaseFaults.IsLoss(exception)
            || DatabaseFaults.IsContention(exception)
            || DatabaseFaults.FindServerError(exception) is { } error && error.SqlState.StartsWith(InsufficientResources, StringComparison.Ordinal)
            || HasSocketFault(exception));

    /// <summary>A connection can also break below Npgsql. The Hypervisor's sockets do not count: their faults come wrapped for HTTP.</summary>
    private static bool HasSocketFault(Exception exception) => exception switch
    {
        HttpRequestException => false,
        SocketException => true,
        _ => exception.InnerException is { } inner && HasSocketFault(inner),
    };
}
