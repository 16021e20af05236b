using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Tests;

public sealed class ConditionalRequestTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_of_a_definition_needs_if_match()
    {
        var vm = await api.CreateVmAsync();

        var response = await api.Http.SendJsonAsync(HttpMethod.Patch, $"/vms/{vm.Id}", """{"memoryMiB":128}""");

        Assert.Equal(ProblemCodes.PreconditionRequired, (await response.ReadProblemAsync((HttpStatusCode)428)).Code);
        Assert.Equal($"\"{vm.Etag}\"", response.Headers.ETag?.Tag);
    }

    [Fact]
    public async Task A_change_based_on_an_old_generation_is_refused_and_told_the_present_tag()
    {
        var vm = await api.CreateVmAsync();
        var changed = await api.Client.Vms.PatchAsync(vm.Id, new VmPatch { MemoryMiB = 128 }, new() { IfMatch = vm.Etag }, Cancelled);

        var response = await PatchAsync(vm.Id, """{"memoryMiB":256}""", $"\"{vm.Etag}\"");

        Assert.Equal(ProblemCodes.PreconditionFailed, (await response.ReadProblemAsync(HttpStatusCode.PreconditionFailed)).Code);
        Assert.Equal($"\"{changed.Etag}\"", response.Headers.ETag?.Tag);
        Assert.Equal(128, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).MemoryMiB);
    }

    [Fact]
    public async Task A_changed_status_costs_no_412()
    {
        var vm = await api.CreateVmAsync();
        await using (var context = api.NewContext())
            await context.VmStatuses.Where(s => s.VmId == vm.Id).ExecuteUpdateAsync(s => s.SetProperty(v => v.Revision, 17), Cancelled);
        Assert.NotEqual(vm.Etag, (await api.Client.Vms.GetAsync(vm.Id, Cancelled)).Etag);

        var changed = await api.Client.Vms.PatchAsync(vm.Id, new VmPatch { MemoryMiB = 128 }, new() { IfMatch = vm.Etag }, Cancelled);

        Assert.Equal((128, vm.Generation + 1), (changed.MemoryMiB, changed.Generation));
    }

    [Theory]
    [InlineData("*", HttpStatusCode.OK)]
    [InlineData("\"1.0\"", HttpStatusCode.OK)]
    [InlineData("\"9.9\", \"1.7\"", HttpStatusCode.OK)]
    [InlineData("W/\"1.1\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("\"2.1\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("\"nonsense\"", HttpStatusCode.PreconditionFailed)]
    [InlineData("nonsense", HttpStatusCode.BadRequest)]
    public async Task If_match_compares_generations_strongly(string tags, HttpStatusCode expected)
    {
        var vm = await api.CreateVmAsync();

        Assert.Equal(expected, (await PatchAsync(vm.Id, """{"description":"x"}""", tags)).StatusCode);
    }

    [Fact]
    public async Task Of_two_changes_based_on_one_tag_one_wins()
    {
        var vm = await api.CreateVmAsync();

        var responses = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(i => PatchAsync(vm.Id, $$"""{"description":"{{i}}"}""", $"\"{vm.Etag}\"")));

        Assert.Single(responses, r => r.StatusCode == HttpStatusCode.OK);
        Assert.Equal(3, responses.Count(r => r.StatusCode == HttpStatusCode.PreconditionFailed));
    }

    [Fact]
    public async Task What_the_reader_has_already_is_not_sent_again()
    {
        var vm = await api.CreateVmAsync();

        var same = await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}", headers: ("If-None-Match", $"\"{vm.Etag}\""));
        var other = await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}", headers: ("If-None-Match", "\"0.0\""));

        Assert.Equal((HttpStatusCode.NotModified, HttpStatusCode.OK), (same.StatusCode, other.StatusCode));
    }

    [Fact]
    public async Task A_merge_patch_changes_what_it_names_and_removes_what_it_nulls()
    {
        var vm = await api.Client.Vms.CreateAsync(
            Requests.NewDefinition() with
            {
                Description = "old",
                CommandLine = "quiet",
                Labels = new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" },
                Cpu = new CpuSpec { Count = 2 },
            },
            cancellationToken: Cancelled);

        var response = await PatchAsync(
            vm.Id, """{"description":null,"labels":{"a":null,"c":"3"},"cpu":{"sve":{"maxVectorLengthBits":512}}}""", "*");

        var changed = await response.ReadAsync<Vm>();
        Assert.Null(changed.Description);
        Assert.Equal(("quiet", vm.Name, 2), (changed.CommandLine, changed.Name, changed.Cpu.Count));
        Assert.Equal([("b", "2"), ("c", "3")], changed.Labels.Select(l => (l.Key, l.Value)).Order());
        Assert.Equal([128, 256, 512], changed.Cpu.Sve.EffectiveVectorLengthsBits);
    }

    [Fact]
    public async Task A_replacement_gives_what_it_leaves_out_its_default()
    {
        var vm = await api.Client.Vms.CreateAsync(
            Requests.NewDefinition() with { Description = "old", Cpu = new CpuSpec { Count = 4 } }, cancellationToken: Cancelled);

        var changed = await api.Client.Vms.ReplaceAsync(vm.Id, Requests.NewDefinition(vm.Name), new() { IfMatch = vm.Etag }, Cancelled);

        Assert.Equal((null, 1), (changed.Description, changed.Cpu.Count));
    }

    [Fact]
    public async Task A_patch_is_checked_as_a_whole_definition_is()
    {
        var vm = await api.CreateVmAsync();

        var response = await PatchAsync(vm.Id, """{"colour":"red","memoryMiB":3,"project":"elsewhere","cpu":{"sve":{"maxVectorLengthBits":384}}}""", "*");

        Assert.Equal(
            [("/colour", "unknownField"), ("/cpu/sve/maxVectorLengthBits", "illegalVectorLengths"), ("/memoryMiB", "outOfRange"), ("/project", "immutable")],
            (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    private Task<HttpResponseMessage> PatchAsync(Guid id, string json, string ifMatch) =>
        api.Http.SendJsonAsync(HttpMethod.Patch, $"/vms/{id}", json, ("If-Match", ifMatch));
}
