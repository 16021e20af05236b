using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Tests;

public sealed class CreateVmTests(ApiServer api) : IClassFixture<ApiServer>
{
    [Fact]
    public async Task A_small_definition_gets_defaults_and_the_whole_set()
    {
        var name = Requests.UniqueName();

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", $$"""{"name":"{{name}}","image":"hello-sve"}""");

        var vm = await response.ReadAsync<Vm>(HttpStatusCode.Created);
        Assert.Equal($"/api/v1/vms/{vm.Id}", response.Headers.Location?.ToString());
        Assert.Equal($"\"{vm.Etag}\"", response.Headers.ETag?.Tag);
        Assert.Equal(("default", 64, 1, "max-pow2", VmPhase.Stopped), (vm.Project, vm.MemoryMiB, vm.Cpu.Count, vm.Cpu.HostProfile, vm.Status.Phase));
        Assert.True(vm.Cpu.Sve.Enabled);
        Assert.Equal([128, 256, 512, 1024, 2048], vm.Cpu.Sve.EffectiveVectorLengthsBits);
        var read = await api.Client.Vms.GetAsync(vm.Id, TestContext.Current.CancellationToken);
        Assert.Equal((vm.Etag, vm.CreatedAt, vm.Name), (read.Etag, read.CreatedAt, read.Name));
    }

    [Fact]
    public async Task An_invalid_definition_is_refused_with_every_reason_at_once()
    {
        var taken = await api.CreateVmAsync();
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", $$"""
            {
              "name": "{{taken.Name}}", "image": "no-such", "memoryMiB": 3, "colour": "red", "restartPolicy": "sometimes",
              "labels": { "ok": "x", "bad key!": "x" },
              "cpu": {
                "count": 65, "hostProfile": "max-pow2", "abiProfile": "linux-2.4", "sockets": 2,
                "sve": { "enabled": true, "vectorLengthsBits": [128, 512] }
              }
            }
            """);

        var problem = await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity);
        Assert.Equal(ProblemCodes.ValidationFailed, problem.Code);
        Assert.Equal(
            [
                ("/colour", "unknownField"), ("/cpu/abiProfile", "unknownAbiProfile"), ("/cpu/count", "outOfRange"),
                ("/cpu/sockets", "unknownField"), ("/cpu/sve/vectorLengthsBits", "illegalVectorLengths"), ("/image", "unknownImage"),
                ("/labels/bad key!", "invalidLabel"), ("/memoryMiB", "outOfRange"), ("/name", "nameTaken"), ("/restartPolicy", "wrongType"),
            ],
            problem.Reasons().Order());
        Assert.Contains("{128}, {128, 256}, {128, 256, 512}", problem.Errors.Single(e => e.Code == "illegalVectorLengths").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"cpu":{"hostProfile":"cray-1"}}""", "/cpu/hostProfile", "unknownHostProfile")]
    [InlineData("""{"cpu":{"hostProfile":"neoverse-n1","sve":{"enabled":true}}}""", "/cpu/sve/enabled", "sveUnavailable")]
    [InlineData("""{"cpu":{"hostProfile":"mixed-cluster","sve":{"maxVectorLengthBits":512}}}""", "/cpu/sve/maxVectorLengthBits", "illegalVectorLengths")]
    [InlineData("""{"cpu":{"count":0}}""", "/cpu/count", "outOfRange")]
    [InlineData("""{"cpu":{"features":{"pmu":true}}}""", "/cpu/features/pmu", "unsupported")]
    [InlineData("""{"cpu":{"features":{"psci":false}}}""", "/cpu/features/psci", "unsupported")]
    [InlineData("""{"cpu":{"abiProfile":"rfc-2018","features":{"ptrauth":true}}}""", "/cpu/features/ptrauth", "unsupported")]
    [InlineData("""{"cpu":{"count":"two"}}""", "/cpu/count", "wrongType")]
    [InlineData("""{"cpu":null}""", "/cpu", "wrongType")]
    [InlineData("""{"memoryMiB":1000000000}""", "/memoryMiB", "outOfRange")]
    [InlineData("""{"memoryMiB":64.5}""", "/memoryMiB", "wrongType")]
    [InlineData("""{"memoryMiB":"64"}""", "/memoryMiB", "wrongType")]
    [InlineData("""{"name":"not a name"}""", "/name", "invalidName")]
    [InlineData("""{"name":5}""", "/name", "wrongType")]
    [InlineData("""{"description":"nul \u0000"}""", "/description", "invalidCharacter")]
    [InlineData("""{"project":"elsewhere"}""", "/project", "unknownProject")]
    [InlineData("""{"cpu":{"count":2,"sve":{"perCpu":[{"cpu":1,"enabled":false}]}}}""", "/cpu/sve/perCpu/0", "mixedSve")]
    public async Task Each_fault_has_its_pointer_and_code(string fault, string pointer, string code)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(fault)!.AsObject();
        json.TryAdd("name", Requests.UniqueName());
        json.TryAdd("image", "hello-sve");

        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", json.ToJsonString());

        Assert.Equal([(pointer, code)], (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }

    [Fact]
    public async Task An_empty_body_is_told_what_it_lacks()
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", "{}");

        Assert.Equal([("/image", "required"), ("/name", "required")], (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    [Theory]
    [InlineData("{\"name\": ")]
    [InlineData("not json")]
    [InlineData("{\"name\": \"a\",}")]
    public async Task Malformed_json_is_refused_with_its_place(string body)
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", body);

        var problem = await response.ReadProblemAsync(HttpStatusCode.BadRequest);
        Assert.Equal(ProblemCodes.MalformedJson, problem.Code);
        Assert.Contains("Line 1", Assert.Single(problem.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_a_host_without_sve_a_vm_simply_has_none()
    {
        var vm = await api.Client.Vms.CreateAsync(Requests.NewDefinition() with { Cpu = new CpuSpec { HostProfile = "neoverse-n1" } }, cancellationToken: TestContext.Current.CancellationToken);

        Assert.False(vm.Cpu.Sve.Enabled);
        Assert.Empty(vm.Cpu.Sve.EffectiveVectorLengthsBits!);
    }

    [Fact]
    public async Task Of_two_that_take_one_name_at_the_same_time_one_gets_it()
    {
        for (var round = 0; round < 5; round++)
        {
            var body = $$"""{"name":"{{Requests.UniqueName()}}","image":"hello-sve"}""";

            var responses = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => api.Http.SendJsonAsync(HttpMethod.Post, "/vms", body)));

            Assert.Single(responses, r => r.StatusCode == HttpStatusCode.Created);
            foreach (var refused in responses.Where(r => r.StatusCode != HttpStatusCode.Created))
                Assert.Equal([("/name", ProblemCodes.NameTaken)], (await refused.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
        }
    }

    [Fact]
    public async Task Validate_only_runs_every_check_and_changes_nothing()
    {
        var name = Requests.UniqueName();

        var valid = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms?validateOnly=true", $$"""{"name":"{{name}}","image":"hello-sve"}""");
        var invalid = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms?validateOnly=true", $$"""{"name":"{{name}}"}""");

        Assert.Equal(name, (await valid.ReadAsync<Vm>()).Name);
        await invalid.ReadProblemAsync(HttpStatusCode.UnprocessableEntity);
        var page = await api.Client.Vms.ListAsync(new() { Filter = $"name = {name}" }, TestContext.Current.CancellationToken);
        Assert.Empty(page.Items);
        await api.CreateVmAsync(name);
    }
}
