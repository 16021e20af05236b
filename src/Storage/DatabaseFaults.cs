using Npgsql;

namespace CloudVm.Storage;

/// <summary>Tells what went wrong with the database, however deeply EF has wrapped it.</summary>
public static class DatabaseFaults
{
    /// <summary>The server's own error; null where it gave none.</summary>
    public static PostgresException? FindServerError(Exception exception) => Chain(exception).OfType<PostgresException>().FirstOrDefault();

    /// <summary>Whether the server could not be reached, went away or is shutting down: worth trying again.</summary>
    public static bool IsLoss(Exception exception) => FindServerError(exception) is { } error
        ? error.SqlState.StartsWith("57", StringComparison.Ordinal) || error.SqlState.StartsWith("08", StringComparison.Ordinal)
        : Chain(exception).Any(e => e is NpgsqlException);

    /// <summary>Whether the server gave this transaction up for the sake of another: worth trying again.</summary>
    public static bool IsContention(Exception exception) => FindServerError(exception)?.SqlState
        is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.LockNotAvailable;

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
            yield return exception;
    }
}
