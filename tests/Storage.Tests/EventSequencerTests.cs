using CloudVm.Contracts;
using CloudVm.Storage.Events;
using CloudVm.Testing;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Storage.Tests;

public sealed class EventSequencerTests(PostgresFixture postgres)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_that_commits_later_comes_later_though_its_id_is_lower()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var slow = Databases.NewContext(source);
        await using var fast = Databases.NewContext(source);
        await using var transaction = await slow.Database.BeginTransactionAsync(Cancelled);
        await AddEventAsync(slow, "slow");

        await AddEventAsync(fast, "fast");
        Assert.Equal(1, await EventSequencer.AssignAsync(source, Cancelled));
        await transaction.CommitAsync(Cancelled);
        Assert.Equal(1, await EventSequencer.AssignAsync(source, Cancelled));

        var events = await fast.OutboxEvents.AsNoTracking().OrderBy(e => e.Position).ToListAsync(Cancelled);
        Assert.Equal([("fast", 1L), ("slow", 2L)], events.Select(e => (e.ResourceId, e.Position!.Value)));
        Assert.True(events[0].Id > events[1].Id);
    }

    [Fact]
    public async Task Positions_have_no_gap_and_never_fall_behind_what_was_read()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        const int writers = 8, perWriter = 25;
        using var done = new CancellationTokenSource();

        var seen = new List<long>();
        var reader = Task.Run(async () =>
        {
            await using var context = Databases.NewContext(source);
            while (seen.Count < writers * perWriter)
            {
                await EventSequencer.AssignAsync(source, Cancelled);
                var last = seen.LastOrDefault();
                seen.AddRange(await context.OutboxEvents.Where(e => e.Position > last).OrderBy(e => e.Position)
                    .Select(e => e.Position!.Value).ToListAsync(Cancelled));
            }
        }, Cancelled);
        await Task.WhenAll(Enumerable.Range(0, writers).Select(async writer =>
        {
            for (var i = 0; i < perWriter; i++)
            {
                await using var context = Databases.NewContext(source);
                await using var transaction = await context.Database.BeginTransactionAsync(Cancelled);
                await AddEventAsync(context, $"{writer}/{i}");
                await Task.Yield();
                await transaction.CommitAsync(Cancelled);
            }
        }));
        await reader.WaitAsync(TimeSpan.FromSeconds(60), Cancelled);

        Assert.Equal(Enumerable.Range(1, writers * perWriter).Select(i => (long)i), seen);
    }

    [Fact]
    public async Task Trimming_forgets_old_events_and_says_up_to_where()
    {
        await using var database = await postgres.CreateMigratedAsync();
        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        await using var context = Databases.NewContext(source);
        await AddEventAsync(context, "old", DateTimeOffset.UtcNow.AddDays(-2));
        await AddEventAsync(context, "new", DateTimeOffset.UtcNow);
        await EventSequencer.AssignAsync(source, Cancelled);

        Assert.Equal(1, await EventSequencer.TrimAsync(source, TimeSpan.FromDays(1), Cancelled));
        Assert.Equal(0, await EventSequencer.TrimAsync(source, TimeSpan.FromDays(1), Cancelled));

        Assert.Equal(1, (await context.EventPositions.SingleAsync(Cancelled)).Trimmed);
        Assert.Equal("new", (await context.OutboxEvents.AsNoTracking().SingleAsync(Cancelled)).ResourceId);
    }

    private static async Task AddEventAsync(CloudVmDbContext context, string id, DateTimeOffset at = default)
    {
        context.AddEvent("test", new ResourceReference("test", id, null), projectId: null, vmId: null, data: null, at);
        await context.SaveChangesAsync(Cancelled);
    }
}
