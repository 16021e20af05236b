using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Api.Tests;

public sealed class IdempotencyTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_repetition_gets_the_first_answer_and_does_nothing()
    {
        var key = Guid.NewGuid().ToString();
        var body = Body();

        var first = await PostAsync("/vms", body, key);
        var second = await PostAsync("/vms", body, key);

        var vm = await first.ReadAsync<Vm>(HttpStatusCode.Created);
        Assert.Equal(vm.Id, (await second.ReadAsync<Vm>(HttpStatusCode.Created)).Id);
        Assert.Equal((first.Headers.Location, first.Headers.ETag), (second.Headers.Location, second.Headers.ETag));
        Assert.Equal("true", second.Headers.GetValues("Idempotent-Replay").Single());
    }

    [Fact]
    public async Task A_verb_repeated_gets_the_same_operation_in_place_of_a_conflict()
    {
        var vm = await api.CreateVmAsync();
        var key = Guid.NewGuid().ToString();

        var first = await (await PostAsync($"/vms/{vm.Id}:start", null, key)).ReadAsync<Operation>(HttpStatusCode.Accepted);
        var second = await (await PostAsync($"/vms/{vm.Id}:start", null, key)).ReadAsync<Operation>(HttpStatusCode.Accepted);

        Assert.Equal(first.Id, second.Id);
    }

    [Fact]
    public async Task One_key_for_two_requests_is_a_mistake()
    {
        var key = Guid.NewGuid().ToString();
        await PostAsync("/vms", Body(), key);

        var other = await PostAsync("/vms", Body(), key);

        Assert.Equal(ProblemCodes.IdempotencyMismatch, (await other.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Code);
    }

    [Fact]
    public async Task A_key_belongs_to_its_principal_and_route()
    {
        var key = Guid.NewGuid().ToString();
        var vm = await (await PostAsync("/vms", Body(), key)).ReadAsync<Vm>(HttpStatusCode.Created);
        var name = Requests.UniqueName("operator");
        await api.AddUserAsync(name, Role.Administrator);
        using var other = await api.SignInAsync(name);

        var elsewhere = await PostAsync($"/vms/{vm.Id}:start", null, key);
        var byAnother = await other.SendJsonAsync(HttpMethod.Post, "/vms", Body(), ("Idempotency-Key", key));

        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Created), (elsewhere.StatusCode, byAnother.StatusCode));
    }

    [Fact]
    public async Task While_the_first_is_in_flight_a_repetition_is_refused_and_not_kept_waiting()
    {
        var key = Guid.NewGuid().ToString();
        var userId = (await api.Client.Access.GetPrincipalAsync(Cancelled)).UserId;
        await using var connection = await api.Database.OpenConnectionAsync(Cancelled);
        await using var hold = new NpgsqlCommand("SELECT pg_advisory_lock(@key)", connection);
        hold.Parameters.AddWithValue("key", AdvisoryLocks.Of($"idempotency\n{userId}\n/api/v1/vms\n{key}"));
        await hold.ExecuteNonQueryAsync(Cancelled);

        var response = await PostAsync("/vms", Body(), key).WaitAsync(TimeSpan.FromSeconds(30), Cancelled);

        Assert.Equal(ProblemCodes.IdempotencyInFlight, (await response.ReadProblemAsync(HttpStatusCode.Conflict)).Code);
    }

    [Fact]
    public async Task Repetitions_at_the_same_time_do_the_work_once()
    {
        for (var round = 0; round < 5; round++)
        {
            var (key, name) = (Guid.NewGuid().ToString(), Requests.UniqueName());

            var responses = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => PostAsync("/vms", Body(name), key)));

            Assert.All(responses, r => Assert.True(r.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict, $"{r.StatusCode}"));
            var created = responses.Where(r => r.StatusCode == HttpStatusCode.Created).ToList();
            Assert.NotEmpty(created);
            Assert.Single((await Task.WhenAll(created.Select(r => r.ReadAsync<Vm>(HttpStatusCode.Created)))).Select(v => v.Id).Distinct());
            Assert.Single((await api.Client.Vms.ListAsync(new() { Filter = $"name = \"{name}\"" }, Cancelled)).Items);
        }
    }

    [Fact]
    public async Task A_refused_request_leaves_its_key_free()
    {
        var key = Guid.NewGuid().ToString();

        await (await PostAsync("/vms", "{}", key)).ReadProblemAsync(HttpStatusCode.UnprocessableEntity);

        await (await PostAsync("/vms", Body(), key)).ReadAsync<Vm>(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Answers_with_secrets_are_never_stored()
    {
        var key = Guid.NewGuid().ToString();

        var token = await (await PostAsync("/tokens", """{"name":"ci"}""", key)).ReadAsync<IssuedToken>(HttpStatusCode.Created);

        await using var context = api.NewContext();
        Assert.False(await context.IdempotencyKeys.AnyAsync(k => k.Key == key, Cancelled));
        await using var connection = await api.Database.OpenConnectionAsync(Cancelled);
        await using var search = new NpgsqlCommand("SELECT count(*) FROM api_tokens WHERE api_tokens::text LIKE @token", connection);
        search.Parameters.AddWithValue("token", $"%{token.Token}%");
        Assert.Equal(0L, await search.ExecuteScalarAsync(Cancelled));
    }

    [Fact]
    public async Task A_key_has_at_most_255_characters() =>
        await (await PostAsync("/vms", Body(), new string('x', 256))).ReadProblemAsync(HttpStatusCode.BadRequest);

    private static string Body(string? name = null) => $$"""{"name":"{{name ?? Requests.UniqueName()}}","image":"hello-sve"}""";

    private Task<HttpResponseMessage> PostAsync(string path, string? body, string key) =>
        api.Http.SendJsonAsync(HttpMethod.Post, path, body, ("Idempotency-Key", key));
}
