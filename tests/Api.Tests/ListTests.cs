using System.Net;
using System.Text.Json.Nodes;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Tests;

public sealed class ListTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("name")]
    [InlineData("memoryMiB desc, name")]
    [InlineData("memoryMiB, createdAt desc")]
    [InlineData("cpu.count")]
    public async Task Pages_hold_every_vm_once_and_in_order(string? orderBy)
    {
        var (group, names) = await CreateGroupAsync(11);

        var query = new ListQuery { PageSize = 3, Filter = $"labels.group = \"{group}\"", OrderBy = orderBy };
        var paged = new List<Vm>();
        await foreach (var vm in Paging.AllAsync(api.Client.Vms.ListAsync, query, Cancelled))
            paged.Add(vm);
        var whole = await api.Client.Vms.ListAsync(query with { PageSize = 500 }, Cancelled);

        Assert.Equal(names.Order(), paged.Select(v => v.Name).Order());
        Assert.Equal(whole.Items.Select(v => v.Id), paged.Select(v => v.Id));
        Assert.Null(whole.NextPageToken);
        if (orderBy == "name")
            Assert.Equal(names.Order(StringComparer.Ordinal), paged.Select(v => v.Name));
        if (orderBy?.StartsWith("memoryMiB desc", StringComparison.Ordinal) == true)
            Assert.Equal(paged.OrderByDescending(v => v.MemoryMiB).ThenBy(v => v.Name, StringComparer.Ordinal).Select(v => v.Id), paged.Select(v => v.Id));
    }

    [Fact]
    public async Task A_page_token_belongs_to_its_query()
    {
        var (group, _) = await CreateGroupAsync(3);
        var filter = $"labels.group = \"{group}\"";
        var first = await api.Client.Vms.ListAsync(new() { PageSize = 1, Filter = filter }, Cancelled);

        foreach (var other in new ListQuery[] { new() { Filter = filter, OrderBy = "name" }, new(), new() { Filter = filter + " AND name : v" } })
        {
            var refused = await Assert.ThrowsAsync<CloudVmApiException>(
                () => api.Client.Vms.ListAsync(other with { PageToken = first.NextPageToken }, Cancelled));
            Assert.Equal("?pageToken", Assert.Single(refused.Problem.Errors).Pointer);
        }

        await Assert.ThrowsAsync<CloudVmApiException>(() => api.Client.Vms.ListAsync(new() { PageToken = "bogus" }, Cancelled));
        Assert.Equal(2, (await api.Client.Vms.ListAsync(new() { PageSize = 2, Filter = filter, PageToken = first.NextPageToken }, Cancelled)).Items.Count);
    }

    [Theory]
    [InlineData("memoryMiB >= 66 AND memoryMiB < 68", 2)]
    [InlineData("memoryMiB = 64 OR memoryMiB = 65", 2)]
    [InlineData("NOT memoryMiB = 64", 4)]
    [InlineData("status.phase = stopped", 5)]
    [InlineData("status.phase != stopped", 0)]
    [InlineData("desiredState = running", 0)]
    [InlineData("image.name : HELLO", 5)]
    [InlineData("(memoryMiB = 64 OR memoryMiB = 68) AND cpu.hostProfile = \"max-pow2\"", 2)]
    [InlineData("createdAt > 2020-01-01T00:00:00Z createdAt < 2999-01-01", 5)]
    [InlineData("labels.parity = even", 3)]
    [InlineData("labels.none = x", 0)]
    [InlineData("status.nodeName = \"a\"", 0)]
    [InlineData("name = \"x' OR '1'='1\"", 0)]
    public async Task Filters_select(string filter, int count)
    {
        var (group, _) = await CreateGroupAsync(5);

        var page = await api.Client.Vms.ListAsync(new() { Filter = $"labels.group = \"{group}\" AND ({filter})" }, Cancelled);

        Assert.Equal(count, page.Items.Count);
    }

    [Theory]
    [InlineData("filter", "colour = red", "there is no field 'colour'")]
    [InlineData("filter", "memoryMiB = lots", "does not fit")]
    [InlineData("filter", "memoryMiB : 6", "only texts")]
    [InlineData("filter", "status.phase > stopped", "no order")]
    [InlineData("filter", "status.phase = asleep", "none of stopped, starting")]
    [InlineData("filter", "name = \"open", "does not end")]
    [InlineData("filter", "(name = a", "closing parenthesis")]
    [InlineData("filter", "name = a)", "not expected")]
    [InlineData("filter", "name", "one of =")]
    [InlineData("orderBy", "colour", "no field to order by")]
    [InlineData("orderBy", "name sideways", "no field to order by")]
    [InlineData("pageSize", "0", "no number from 1 to 500")]
    [InlineData("pageSize", "501", "no number from 1 to 500")]
    [InlineData("fields", "id,colour", "There is no field 'colour'")]
    public async Task A_query_that_cannot_be_read_is_refused_with_the_reason(string parameter, string value, string reason)
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms?{parameter}={Uri.EscapeDataString(value)}");

        var error = Assert.Single((await response.ReadProblemAsync(HttpStatusCode.BadRequest)).Errors);
        Assert.Equal($"?{parameter}", error.Pointer);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_fault_of_a_query_is_named()
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Get, "/vms?filter=colour%3Dred&orderBy=size");

        Assert.Equal(["?filter", "?orderBy"], (await response.ReadProblemAsync(HttpStatusCode.BadRequest)).Errors.Select(e => e.Pointer).Order());
    }

    [Fact]
    public async Task A_deeply_nested_filter_is_refused()
    {
        var filter = new string('(', 200) + "name = a" + new string(')', 200);

        await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms?filter={filter}")).ReadProblemAsync(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Fields_leave_only_what_was_asked_for()
    {
        var vm = await api.CreateVmAsync();

        var one = await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}?fields=id,status.phase")).ReadAsync<JsonObject>();
        var page = await (await api.Http.SendJsonAsync(HttpMethod.Get, "/vms?fields=name&pageSize=1")).ReadAsync<JsonObject>();

        Assert.Equal($$$"""{"id":"{{{vm.Id}}}","status":{"phase":"stopped"}}""", one.ToJsonString());
        Assert.Equal(["name"], page["items"]![0]!.AsObject().Select(p => p.Key));
    }

    private async Task<(string Group, List<string> Names)> CreateGroupAsync(int count)
    {
        var group = Requests.UniqueName("group");
        var names = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var vm = await api.Client.Vms.CreateAsync(
                Requests.NewDefinition() with
                {
                    MemoryMiB = 64 + (i % 6),
                    Labels = new Dictionary<string, string> { ["group"] = group, ["parity"] = i % 2 == 0 ? "even" : "odd" },
                },
                cancellationToken: Cancelled);
            names.Add(vm.Name);
        }

        return (group, names);
    }
}
