using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Tests;

public sealed class VmVerbTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_verb_answers_202_with_an_operation_and_says_what_is_wanted()
    {
        var vm = await api.CreateVmAsync();

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:start");

        var operation = await response.ReadAsync<Operation>(HttpStatusCode.Accepted);
        Assert.Equal($"/api/v1/operations/{operation.Id}", response.Headers.GetValues("Operation-Location").Single());
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal((OperationKind.VmStart, OperationState.Pending, false, vm.Id.ToString()), (operation.Kind, operation.State, operation.Done, operation.Target.Id));
        var after = await api.Client.Vms.GetAsync(vm.Id, Cancelled);
        Assert.Equal((DesiredState.Running, operation.Id), (after.DesiredState, after.Status.OperationId));
        Assert.Equal(vm.Generation, after.Generation);
        Assert.NotEqual(vm.Etag, after.Etag);
    }

    [Fact]
    public async Task A_second_mutation_is_refused_with_a_link_to_the_first()
    {
        var vm = await api.CreateVmAsync();
        var first = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:stop");

        var problem = await response.ReadProblemAsync(HttpStatusCode.Conflict);
        Assert.Equal((ProblemCodes.OperationInProgress, $"/api/v1/operations/{first.Id}"), (problem.Code, problem.Operation));
    }

    [Fact]
    public async Task A_stop_takes_its_timeout_along_and_gets_that_much_more_time()
    {
        var vm = await api.CreateVmAsync();

        foreach (var wrong in new[] { 0, -1, StopVmRequest.MaxTimeoutSeconds + 1 })
        {
            var refused = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:stop", $$"""{ "timeoutSeconds": {{wrong}} }""");
            Assert.Equal("/timeoutSeconds", Assert.Single((await refused.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Errors).Pointer);
        }

        var operation = await api.Client.Vms.StopAsync(vm.Id, timeoutSeconds: 600, cancellationToken: Cancelled);
        Assert.True(operation.Deadline - operation.CreatedAt > TimeSpan.FromSeconds(660));
        await using var database = api.NewContext();
        var request = await database.Operations.Where(o => o.Id == operation.Id).Select(o => o.Request).FirstAsync(Cancelled);
        Assert.Equal(new OperationRequests.Stop(false, 600), System.Text.Json.JsonSerializer.Deserialize<OperationRequests.Stop>(request, Contracts.Serialization.CloudVmJson.Options));
    }

    [Fact]
    public async Task Of_mutations_at_the_same_time_one_begins()
    {
        for (var round = 0; round < 5; round++)
        {
            var vm = await api.CreateVmAsync();

            var responses = await Task.WhenAll(
                Enumerable.Range(0, 6).Select(i => api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:{(i % 2 == 0 ? "start" : "stop")}")));

            var begun = await Assert.Single(responses, r => r.StatusCode == HttpStatusCode.Accepted).ReadAsync<Operation>(HttpStatusCode.Accepted);
            foreach (var refused in responses.Where(r => r.StatusCode != HttpStatusCode.Accepted))
                Assert.Equal($"/api/v1/operations/{begun.Id}", (await refused.ReadProblemAsync(HttpStatusCode.Conflict)).Operation);
        }
    }

    [Fact]
    public async Task A_forced_stop_supersedes_what_is_under_way()
    {
        var vm = await api.CreateVmAsync();
        var start = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var stop = await api.Client.Vms.StopAsync(vm.Id, force: true, cancellationToken: Cancelled);

        var superseded = await api.Client.Operations.GetAsync(start.Id, Cancelled);
        Assert.Equal((OperationState.Cancelled, ProblemCodes.Superseded), (superseded.State, superseded.Problem!.Code));
        Assert.Equal(OperationState.Pending, stop.State);
        Assert.Equal(DesiredState.Stopped, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).DesiredState);
    }

    [Theory]
    [InlineData("pause")]
    [InlineData("resume")]
    [InlineData("reset")]
    [InlineData("snapshot")]
    public async Task Verbs_that_need_a_guest_say_so(string verb)
    {
        var vm = await api.CreateVmAsync();

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:{verb}");

        Assert.Equal(ProblemCodes.InvalidState, (await response.ReadProblemAsync(HttpStatusCode.Conflict)).Code);
    }

    [Fact]
    public async Task Only_a_stopped_vm_is_deleted_without_force()
    {
        var vm = await api.CreateVmAsync();
        await SetPhaseAsync(vm.Id, VmPhase.Running);

        var refused = await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Vms.DeleteAsync(vm.Id, cancellationToken: Cancelled));
        var forced = await api.Client.Vms.DeleteAsync(vm.Id, force: true, cancellationToken: Cancelled);

        Assert.Equal(ProblemCodes.InvalidState, refused.Problem.Code);
        Assert.Equal(OperationKind.VmDelete, forced.Kind);
    }

    [Fact]
    public async Task A_bulk_call_answers_for_each_vm_by_itself()
    {
        var free = await api.CreateVmAsync();
        var busy = await api.CreateVmAsync();
        await api.Client.Vms.StartAsync(busy.Id, cancellationToken: Cancelled);
        var missing = Guid.CreateVersion7();

        var result = await api.Client.Vms.StartManyAsync([missing, busy.Id, free.Id], Cancelled);

        Assert.Equal([(missing, 404), (busy.Id, 409), (free.Id, 202)], result.Items.Select(i => (i.Id, i.Status)));
        Assert.Equal(ProblemCodes.OperationInProgress, result.Items[1].Problem!.Code);
        Assert.Equal(OperationKind.VmStart, (await api.Client.Operations.GetAsync(result.Items[2].Operation!.Id, Cancelled)).Kind);
    }

    [Fact]
    public async Task Waiting_answers_when_the_operation_ends()
    {
        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var waiting = api.Client.Operations.WaitAsync(operation.Id, TimeSpan.FromSeconds(60), Cancelled);
        Assert.False(waiting.IsCompleted);
        await EndAsync(operation.Id);

        var ended = await waiting.WaitAsync(TimeSpan.FromSeconds(30), Cancelled);
        Assert.Equal((OperationState.Succeeded, true, 100), (ended.State, ended.Done, ended.Progress));
        Assert.Equal("hello", ended.Result!.Value.GetProperty("said").GetString());
    }

    [Fact]
    public async Task Waiting_answers_as_it_is_when_the_time_is_over()
    {
        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var still = await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/operations/{operation.Id}:wait?timeout=0.2")).ReadAsync<Operation>();
        var tooLong = await api.Http.SendJsonAsync(HttpMethod.Get, $"/operations/{operation.Id}:wait?timeout=121");

        Assert.False(still.Done);
        Assert.Equal("?timeout", Assert.Single((await tooLong.ReadProblemAsync(HttpStatusCode.BadRequest)).Errors).Pointer);
    }

    [Fact]
    public async Task A_pending_operation_is_cancelled_at_once_and_the_vm_is_free_again()
    {
        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        var cancelled = await api.Client.Operations.CancelAsync(operation.Id, Cancelled);
        var again = await api.Client.Operations.CancelAsync(operation.Id, Cancelled);

        Assert.Equal((OperationState.Cancelled, ProblemCodes.Cancelled), (cancelled.State, cancelled.Problem!.Code));
        Assert.Equal(OperationState.Cancelled, again.State);
        await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);
    }

    [Fact]
    public async Task An_overdue_operation_fails_though_no_worker_lives()
    {
        var vm = await api.CreateVmAsync();
        var operation = await api.Client.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);
        await using (var context = api.NewContext())
            await context.Database.ExecuteSqlAsync($"UPDATE operations SET deadline = now() - interval '1 s' WHERE id = {operation.Id}", Cancelled);

        var ended = await api.Client.Operations.WaitForEndAsync(operation.Id, Cancelled).WaitAsync(TimeSpan.FromSeconds(60), Cancelled);

        Assert.Equal((OperationState.Failed, ProblemCodes.DeadlineExceeded), (ended.State, ended.Problem!.Code));
    }

    private async Task SetPhaseAsync(Guid vmId, VmPhase phase)
    {
        await using var context = api.NewContext();
        await context.VmStatuses.Where(s => s.VmId == vmId).ExecuteUpdateAsync(s => s.SetProperty(v => v.Phase, phase), Cancelled);
    }

    private async Task EndAsync(Guid operationId)
    {
        await using var context = api.NewContext();
        var operation = await context.Operations.SingleAsync(o => o.Id == operationId, Cancelled);
        context.Succeed(operation, new { Said = "hello" }, TimeProvider.System.GetDatabaseNow());
        await context.SaveChangesAsync(Cancelled);
    }
}
