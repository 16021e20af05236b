using System.Globalization;
using System.Text;
using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Events;

/// <summary>
/// <c>GET /events</c> and <c>GET /vms/{id}/events</c> as server-sent events. The stream begins with a bookmark; then comes
/// what the reader missed, read from the database, then what happens, from the hub.
/// </summary>
internal sealed class EventStream(
    EventHub hub, EventStore store, ProjectScope scope, TokenStore tokens, IHostApplicationLifetime lifetime)
{
    private static readonly TimeSpan BookmarkInterval = TimeSpan.FromSeconds(15);

    public async Task HandleAsync(HttpContext http, Guid? vmId)
    {
        using var open = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, lifetime.ApplicationStopping);
        if (vmId is { } id && !await scope.Vms.AnyAsync(v => v.Id == id, open.Token))
            throw Refusal.NotFound("VM", id);

        // Subscribed before reading, so that nothing falls between the two.
        using var subscription = hub.Subscribe();
        var (last, trimmed) = await store.ReadBoundsAsync(open.Token);
        var position = ReadStart(http.Request, last, trimmed);

        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        var writer = new Writer(http.Response, scope, vmId, position);
        try
        {
            await writer.BookmarkAsync(open.Token);
            await CatchUpAsync(writer, open.Token);
            await FollowAsync(writer, subscription, open.Token);
        }
        catch (OperationCanceledException) when (open.IsCancellationRequested)
        {
            // The reader left or the service stops; either way the stream is over.
        }
    }

    private static long ReadStart(HttpRequest request, long last, long trimmed)
    {
        var text = request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? header : request.Query["after"].ToString();
        if (text.Length == 0)
            return last;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var position))
            throw Refusal.BadQuery("after", $"'{text}' is no position of this stream.");

        // A position from the future is one of another database.
        return position >= trimmed && position <= last
            ? position
            : throw new ProblemException(
                StatusCodes.Status410Gone,
                ProblemCodes.PositionExpired,
                "Events after this position are no longer kept: read the resources anew, then follow from now.");
    }

    private async Task CatchUpAsync(Writer writer, CancellationToken cancellationToken)
    {
        while (true)
        {
            var missed = await store.ReadAfterAsync(writer.Position, cancellationToken);
            foreach (var item in missed)
                await writer.WriteAsync(item, cancellationToken);
            await writer.FlushAsync(cancellationToken);
            if (missed.Count < EventStore.Batch)
                return;
        }
    }

    private async Task FollowAsync(Writer writer, EventHub.Subscription subscription, CancellationToken cancellationToken)
    {
        using var bookmarks = new PeriodicTimer(BookmarkInterval);
        var bookmarkDue = bookmarks.WaitForNextTickAsync(cancellationToken).AsTask();
        while (true)
        {
            var more = subscription.Events.WaitToReadAsync(cancellationToken).AsTask();
            while (await Task.WhenAny(more, bookmarkDue) == bookmarkDue)
            {
                await bookmarkDue;
                if (!await tokens.IsValidAsync(scope.Principal.TokenId, cancellationToken))
                    return;
                await writer.BookmarkAsync(cancellationToken);
                bookmarkDue = bookmarks.WaitForNextTickAsync(cancellationToken).AsTask();
            }

            if (!await more)
                return;
            while (subscription.Events.TryRead(out var item))
                await writer.WriteAsync(item, cancellationToken);
            await writer.FlushAsync(cancellationToken);
        }
    }

    /// <summary>Writes what the reader may see and has not seen, and remembers how far it has come.</summary>
    private sealed class Writer(HttpResponse response, ProjectScope scope, Guid? vmId, long position)
    {
        public long Position { get; private set; } = position;

        public async Task WriteAsync(PositionedEvent item, CancellationToken cancellationToken)
        {
            if (item.Position <= Position)
                return;
            if (scope.MaySee(item.ProjectId) && (vmId is null || item.VmId == vmId))
            {
                var data = JsonSerializer.Serialize(item.Record, CloudVmJson.Options);
                await WriteTextAsync($"id: {item.Record.Position}\nevent: {item.Record.Type}\ndata: {data}\n\n", cancellationToken);
            }

            Position = item.Position;
        }

        public async Task BookmarkAsync(CancellationToken cancellationToken)
        {
            await WriteTextAsync($"id: {Position}\nevent: {EventTypes.Bookmark}\ndata: {{}}\n\n", cancellationToken);
            await FlushAsync(cancellationToken);
        }

        public Task FlushAsync(CancellationToken cancellationToken) => response.Body.FlushAsync(cancellationToken);

        private Task WriteTextAsync(string text, CancellationToken cancellationToken) =>
            response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken).AsTask();
    }
}
