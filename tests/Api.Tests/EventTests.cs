using System.Net;
using CloudVm.Api.Events;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Events;
using Microsoft.EntityFrameworkCore;
using System.Text.Json;

namespace CloudVm.Api.Tests;

public sealed class EventTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_begins_with_a_bookmark_and_then_tells_what_happens()
    {
        await using var stream = await FollowAsync();
        Assert.Null(stream.First.Event);

        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var created = await stream.NextAsync(e => e.Resource.Id == vm.Id.ToString());
        Assert.Equal((EventTypes.VmCreated, "default", vm.Name), (created.Type, created.Project, created.Resource.Name));
        Assert.Equal(vm.Name, created.Data!.Value.Deserialize<Vm>(CloudVmJson.Options)!.Name);
        var begun = await stream.NextAsync(e => e.Resource.Type == "operation");
        Assert.Equal((EventTypes.OperationCreated, operation.Id.ToString()), (begun.Type, begun.Resource.Id));
        Assert.Equal(EventTypes.VmUpdated, (await stream.NextAsync(e => e.Resource.Type == "vm")).Type);
    }

    [Fact]
    public async Task A_reader_that_comes_back_misses_nothing()
    {
        string position;
        await using (var stream = await FollowAsync())
            position = stream.First.Position;
        var names = new List<string>();
        for (var i = 0; i < 5; i++)
            names.Add((await api.CreateVmAsync()).Name);

        await using var resumed = await FollowAsync(position);
        var seen = new List<string>();
        while (seen.Count < names.Count)
            seen.Add((await resumed.NextAsync(e => e.Type == EventTypes.VmCreated && names.Contains(e.Resource.Name!))).Resource.Name!);

        Assert.Equal(names, seen);
    }

    [Fact]
    public async Task A_vms_stream_tells_of_that_vm_only()
    {
        var vm = await api.CreateVmAsync();
        await using var stream = await FollowAsync(vmId: vm.Id);

        await api.CreateVmAsync();
        await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        // Its creation may get its position only after the stream has begun.
        Assert.Equal(EventTypes.OperationCreated, (await stream.NextAsync(e => e.Type != EventTypes.VmCreated || e.Resource.Id != vm.Id.ToString())).Type);
        Assert.Equal(vm.Id.ToString(), (await stream.NextAsync(_ => true)).Resource.Id);
    }

    [Fact]
    public async Task Events_of_concurrent_commits_come_once_each_in_the_order_of_positions()
    {
        const int writers = 6, perWriter = 20;
        await using var stream = await FollowAsync();
        var tag = Guid.NewGuid().ToString("N");

        var writing = Task.WhenAll(Enumerable.Range(0, writers).Select(async writer =>
        {
            for (var i = 0; i < perWriter; i++)
            {
                await using var context = api.NewContext();
                await using var transaction = await context.Database.BeginTransactionAsync(Cancelled);
                context.AddEvent("test", new ResourceReference(tag, $"{writer}/{i}", null), null, null, null, DateTimeOffset.UnixEpoch);
                await context.SaveChangesAsync(Cancelled);
                if (i % 3 == writer % 3)
                    await Task.Delay(Random.Shared.Next(5), Cancelled);
                await transaction.CommitAsync(Cancelled);
            }
        }));
        var events = new List<EventRecord>();
        while (events.Count < writers * perWriter)
            events.Add(await stream.NextAsync(e => e.Resource.Type == tag));
        await writing;

        var positions = events.Select(e => long.Parse(e.Position)).ToList();
        Assert.Equal(positions.Order(), positions);
        Assert.Equal(writers * perWriter, events.Select(e => e.Resource.Id).Distinct().Count());
        for (var writer = 0; writer < writers; writer++)
        {
            Assert.Equal(
                Enumerable.Range(0, perWriter).Select(i => $"{writer}/{i}"),
                events.Select(e => e.Resource.Id).Where(id => id.StartsWith($"{writer}/", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("999999999", HttpStatusCode.Gone)]
    [InlineData("soon", HttpStatusCode.BadRequest)]
    public async Task A_position_that_this_stream_never_gave_is_refused(string position, HttpStatusCode expected)
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Get, "/events", headers: ("Last-Event-ID", position));

        await response.ReadProblemAsync(expected);
    }

    [Fact]
    public async Task A_position_that_is_no_longer_kept_is_gone()
    {
        await using var server = new ApiServer(new Testing.PostgresFixture());
        await server.InitializeAsync();
        await using (var context = server.NewContext())
            await context.EventPositions.ExecuteUpdateAsync(s => s.SetProperty(p => p.Trimmed, 5).SetProperty(p => p.Last, 9), Cancelled);

        var response = await server.Http.SendJsonAsync(HttpMethod.Get, "/events?after=4");

        Assert.Equal(ProblemCodes.PositionExpired, (await response.ReadProblemAsync(HttpStatusCode.Gone)).Code);
    }

    [Fact]
    public void A_reader_that_falls_behind_is_dropped_and_not_skipped()
    {
        var hub = new EventHub();
        using var slow = hub.Subscribe();
        using var fast = hub.Subscribe();
        var fastSeen = 0;

        for (var position = 1; position <= 3000; position++)
        {
            hub.Publish(NewEvent(position));
            while (fast.Events.TryRead(out _))
                fastSeen++;
        }

        var slowSeen = new List<long>();
        while (slow.Events.TryRead(out var item))
            slowSeen.Add(item.Position);
        Assert.Equal(3000, fastSeen);
        Assert.Equal(Enumerable.Range(1, slowSeen.Count).Select(i => (long)i), slowSeen);
        Assert.True(slow.Events.Completion.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_ticket_opens_one_stream_once()
    {
        using var browser = api.NewHttp();
        var ticket = await api.Client.Access.CreateTicketAsync("/api/v1/events", Cancelled);

        var wrongPath = await browser.SendJsonAsync(HttpMethod.Get, $"/vms/{Guid.NewGuid()}/events?ticket={ticket.Value}");
        using var first = await browser.SendJsonAsync(HttpMethod.Get, $"/events?ticket={ticket.Value}");
        var second = await browser.SendJsonAsync(HttpMethod.Get, $"/events?ticket={ticket.Value}");
        var elsewhere = await browser.SendJsonAsync(HttpMethod.Get, $"/vms?ticket={(await api.Client.Access.CreateTicketAsync("/api/v1/vms", Cancelled)).Value}");

        Assert.Equal(
            (HttpStatusCode.Unauthorized, HttpStatusCode.OK, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
            (wrongPath.StatusCode, first.StatusCode, second.StatusCode, elsewhere.StatusCode));
    }

    private static PositionedEvent NewEvent(long position) => new(position, null, null, new EventRecord
    {
        Position = position.ToString(),
        Type = "test",
        At = default,
        Resource = new ResourceReference("test", "1", null),
        Project = "",
    });

    private async Task<Stream> FollowAsync(string? after = null, Guid? vmId = null)
    {
        var items = api.Client.Events.ReadAsync(after, vmId, Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.True(await items.MoveNextAsync().AsTask().WaitAsync(Patience, Cancelled));
        return new Stream(items);
    }

    private sealed class Stream(IAsyncEnumerator<EventStreamItem> items) : IAsyncDisposable
    {
        public EventStreamItem First { get; } = items.Current;

        public async Task<EventRecord> NextAsync(Func<EventRecord, bool> wanted)
        {
            while (true)
            {
                Assert.True(await items.MoveNextAsync().AsTask().WaitAsync(Patience, Cancelled), "The stream ended.");
                if (items.Current.Event is { } record && wanted(record))
                    return record;
            }
        }

        public ValueTask DisposeAsync() => items.DisposeAsync();
    }
}
