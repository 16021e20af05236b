using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Serialization;

namespace CloudVm.Contracts.Client;

/// <summary>One item of an event stream: an event, or a bookmark that only says how far the stream has come.</summary>
/// <param name="Position">Where to resume after this item.</param>
/// <param name="Event">Absent in a bookmark.</param>
public sealed record EventStreamItem(string Position, EventRecord? Event);

/// <summary><c>/events</c></summary>
public sealed class EventsClient
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromSeconds(1);

    private readonly ApiTransport _transport;
    private readonly TimeProvider _timeProvider;

    internal EventsClient(ApiTransport transport, TimeProvider timeProvider)
    {
        _transport = transport;
        _timeProvider = timeProvider;
    }

    /// <summary>
    /// Reads one connection until the service closes it. Throws <see cref="CloudVmApiException"/> with 410 when
    /// <paramref name="after"/> is too old: read the resources again and start without it.
    /// </summary>
    /// <param name="after">The position to resume after; left out, only what happens from now on.</param>
    /// <param name="vmId">Only events that concern this VM.</param>
    /// <param name="cancellationToken">Closes the stream.</param>
    public async IAsyncEnumerable<EventStreamItem> ReadAsync(
        string? after = null, Guid? vmId = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var response = await _transport.OpenAsync(
            vmId is { } id ? $"vms/{id}/events" : "events",
            headers =>
            {
                headers.Add("Accept", "text/event-stream");
                if (after is not null)
                    headers.Add("Last-Event-ID", after);
            },
            cancellationToken).ConfigureAwait(false);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);

        var parser = SseParser.Create(stream);
        await foreach (var item in parser.EnumerateAsync(cancellationToken).ConfigureAwait(false))
        {
            var record = item.EventType == EventTypes.Bookmark
                ? null
                : JsonSerializer.Deserialize<EventRecord>(item.Data, CloudVmJson.Options);
            yield return new EventStreamItem(parser.LastEventId, record);
        }
    }

    /// <summary>
    /// Follows the stream over broken connections without missing or repeating an event. Ends only by cancellation or by a
    /// refusal of the API, of which 410 means that the reader was away for too long.
    /// </summary>
    /// <param name="after">As in <see cref="ReadAsync"/>.</param>
    /// <param name="vmId">As in <see cref="ReadAsync"/>.</param>
    /// <param name="cancellationToken">Closes the stream.</param>
    public async IAsyncEnumerable<EventStreamItem> FollowAsync(
        string? after = null, Guid? vmId = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await using var items = ReadAsync(after, vmId, cancellationToken).GetAsyncEnumerator(cancellationToken);
            while (await MoveNextOrBreakAsync(items, cancellationToken).ConfigureAwait(false))
            {
                after = items.Current.Position;
                yield return items.Current;
            }

            await Task.Delay(ReconnectDelay, _timeProvider, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async ValueTask<bool> MoveNextOrBreakAsync(
        IAsyncEnumerator<EventStreamItem> items, CancellationToken cancellationToken)
    {
        try
        {
            return await items.MoveNextAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (IsConnectionLoss(e) && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static bool IsConnectionLoss(Exception e) =>
        e is HttpRequestException or IOException
        || e is CloudVmApiException { Status: >= System.Net.HttpStatusCode.InternalServerError };
}
