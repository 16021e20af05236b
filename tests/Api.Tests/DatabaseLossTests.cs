using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Problems;
using CloudVm.Storage;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Api.Tests;

/// <summary>Every connection to the database is cut; the service goes on by itself.</summary>
public sealed class DatabaseLossTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_refused_as_unavailable_at_worst_and_then_served_again()
    {
        await CutConnectionsAsync();

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        deadline.CancelAfter(TimeSpan.FromSeconds(30));
        while (true)
        {
            using var response = await api.Http.GetAsync("/api/v1/vms", deadline.Token);
            if (response.StatusCode == HttpStatusCode.OK)
                break;
            Assert.Equal(ProblemCodes.Unavailable, (await response.ReadProblemAsync(HttpStatusCode.ServiceUnavailable)).Code);
            Assert.NotNull(response.Headers.RetryAfter);
        }
    }

    [Fact]
    public async Task Events_and_waits_go_on()
    {
        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);
        await using var events = api.Client.Events.FollowAsync(cancellationToken: Cancelled).GetAsyncEnumerator(Cancelled);
        Assert.True(await events.MoveNextAsync());
        var waiting = WaitThroughAsync(operation.Id);

        await CutConnectionsAsync();
        await using (var context = NewOwnContext())
        {
            var entity = await context.Operations.SingleAsync(o => o.Id == operation.Id, Cancelled);
            context.Succeed(entity, result: null, TimeProvider.System.GetDatabaseNow());
            await context.SaveChangesAsync(Cancelled);
        }

        Assert.True((await waiting.WaitAsync(TimeSpan.FromSeconds(60), Cancelled)).Done);
        do
        {
            Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60), Cancelled));
        }
        while (events.Current.Event?.Resource.Id != operation.Id.ToString() || events.Current.Event.Type != "operation.done");
    }

    /// <summary>What a client does: it repeats what the service could not answer.</summary>
    private async Task<Contracts.Operations.Operation> WaitThroughAsync(Guid id)
    {
        while (true)
        {
            try
            {
                return await api.Client.Operations.WaitForEndAsync(id, Cancelled);
            }
            catch (CloudVmApiException e) when (e.Problem.Code == ProblemCodes.Unavailable)
            {
                await Task.Delay(100, Cancelled);
            }
        }
    }

    private CloudVmDbContext NewOwnContext() =>
        new(new DbContextOptionsBuilder<CloudVmDbContext>().UseNpgsql(api.Database.ConnectionString + ";Pooling=false").Options);

    private async Task CutConnectionsAsync()
    {
        await using var connection = new NpgsqlConnection(api.Database.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Cancelled);
        await using var command = new NpgsqlCommand(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()", connection);
        Assert.True((long)(await command.ExecuteScalarAsync(Cancelled))! > 0);
    }
}
