using Microsoft.Extensions.Logging;
using Npgsql;

namespace CloudVm.Storage.Notifications;

/// <summary>
/// Hears PostgreSQL's notifications on a connection of its own, and reconnects when that breaks. Notifications are hints:
/// they are lost while disconnected, so a listener is told of every (re)connection and has to look for itself then.
/// </summary>
/// <remarks>Thread: callbacks come one after the other and must not block for long.</remarks>
public sealed partial class DatabaseListener(NpgsqlDataSource source, TimeProvider timeProvider, ILogger<DatabaseListener> logger)
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(500);

    // A silent peer is noticed by this traffic.
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(15);

    /// <summary>Runs until cancelled.</summary>
    /// <param name="channels">Channels of <see cref="DatabaseChannels"/>.</param>
    /// <param name="onConnected">Called after every (re)connection, once nothing can be missed any more.</param>
    /// <param name="onNotification">Called with channel and payload.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(
        IReadOnlyCollection<string> channels,
        Action onConnected,
        Action<string, string> onNotification,
        CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(channels, onConnected, onNotification, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogDisconnected(logger, e.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(ReconnectDelay, timeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ListenAsync(
        IReadOnlyCollection<string> channels,
        Action onConnected,
        Action<string, string> onNotification,
        CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        connection.Notification += (_, e) => onNotification(e.Channel, e.Payload);
        await ExecuteAsync(connection, string.Concat(channels.Select(c => $"LISTEN {c};")), cancellationToken).ConfigureAwait(false);
        onConnected();

        while (true)
        {
            if (!await connection.WaitAsync(ProbeInterval, cancellationToken).ConfigureAwait(false))
                await ExecuteAsync(connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // Channel names are constants of ours.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "Lost the database connection that hears notifications, reconnecting: {Reason}")]
    private static partial void LogDisconnected(ILogger logger, string reason);
}
