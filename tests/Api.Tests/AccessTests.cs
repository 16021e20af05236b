using System.Net;
using System.Net.Http.Headers;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Problems;
using CloudVm.Storage.Entities;

namespace CloudVm.Api.Tests;

public sealed class AccessTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/vms")]
    [InlineData("POST", "/vms")]
    [InlineData("GET", "/me")]
    [InlineData("GET", "/events")]
    [InlineData("GET", "/capabilities")]
    [InlineData("GET", "/nodes")]
    [InlineData("POST", "/vms:start")]
    public async Task Without_a_token_everything_is_closed(string method, string path)
    {
        using var http = api.NewHttp();

        var nothing = await http.SendJsonAsync(HttpMethod.Parse(method), path);
        var wrong = await http.SendJsonAsync(HttpMethod.Parse(method), path, headers: ("Authorization", "Bearer cvm_wrong"));

        Assert.Equal("Bearer", nothing.Headers.WwwAuthenticate.Single().Scheme);
        Assert.Equal(ProblemCodes.Unauthenticated, (await nothing.ReadProblemAsync(HttpStatusCode.Unauthorized)).Code);
        Assert.Equal(ProblemCodes.Unauthenticated, (await wrong.ReadProblemAsync(HttpStatusCode.Unauthorized)).Code);
    }

    [Fact]
    public async Task Wrong_passwords_lock_a_user_even_when_tried_at_once()
    {
        var name = await AddUserAsync(Role.Viewer);
        using var http = api.NewHttp();

        var guesses = await Task.WhenAll(Enumerable.Range(0, 5).Select(i => SignInAsync(http, name, $"guess {i}")));
        var right = await SignInAsync(http, name, ApiServer.Password);

        Assert.All(guesses, g => Assert.Equal(HttpStatusCode.Unauthorized, g.StatusCode));
        Assert.Equal(ProblemCodes.LockedOut, (await right.ReadProblemAsync(HttpStatusCode.Unauthorized)).Code);
        Assert.NotNull(right.Headers.RetryAfter);
    }

    [Fact]
    public async Task An_unknown_user_and_a_wrong_password_look_the_same()
    {
        var name = await AddUserAsync(Role.Viewer);
        using var http = api.NewHttp();

        var unknown = await (await SignInAsync(http, "nobody-at-all", "x")).ReadProblemAsync(HttpStatusCode.Unauthorized);
        var wrong = await (await SignInAsync(http, name, "x")).ReadProblemAsync(HttpStatusCode.Unauthorized);

        Assert.Equal((unknown.Code, unknown.Title), (wrong.Code, wrong.Title));
    }

    [Fact]
    public async Task Signing_out_and_revoking_count_at_once()
    {
        using var session = await api.SignInAsync(await AddUserAsync(Role.Operator));
        var client = new CloudVmClient(session);
        var token = await client.Access.CreateTokenAsync(new TokenRequest { Name = "ci" }, Cancelled);
        using var ci = NewHttp(token.Token);

        Assert.Equal(HttpStatusCode.OK, (await ci.SendJsonAsync(HttpMethod.Get, "/me")).StatusCode);
        await client.Access.RevokeTokenAsync(token.Id, Cancelled);
        await client.Access.SignOutAsync(Cancelled);

        Assert.Equal(HttpStatusCode.Unauthorized, (await ci.SendJsonAsync(HttpMethod.Get, "/me")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await session.SendJsonAsync(HttpMethod.Get, "/me")).StatusCode);
    }

    [Fact]
    public async Task Roles_include_those_below_and_nothing_above()
    {
        using var viewer = await api.SignInAsync(await AddUserAsync(Role.Viewer));
        using var @operator = await api.SignInAsync(await AddUserAsync(Role.Operator));
        var body = $$"""{"name":"{{Requests.UniqueName()}}","image":"hello-sve"}""";

        var viewerReads = await viewer.SendJsonAsync(HttpMethod.Get, "/vms");
        var viewerCreates = await viewer.SendJsonAsync(HttpMethod.Post, "/vms", body);
        var operatorCreates = await @operator.SendJsonAsync(HttpMethod.Post, "/vms", body);
        var operatorListsUsers = await @operator.SendJsonAsync(HttpMethod.Get, "/users");
        var operatorAddsProfile = await @operator.SendJsonAsync(HttpMethod.Post, "/host-profiles", "{}");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Created), (viewerReads.StatusCode, operatorCreates.StatusCode));
        Assert.Contains("operator", (await viewerCreates.ReadProblemAsync(HttpStatusCode.Forbidden)).Title, StringComparison.Ordinal);
        await operatorListsUsers.ReadProblemAsync(HttpStatusCode.Forbidden);
        await operatorAddsProfile.ReadProblemAsync(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_token_is_never_mightier_than_who_asks_for_it()
    {
        using var session = await api.SignInAsync(await AddUserAsync(Role.Operator));

        var response = await session.SendJsonAsync(HttpMethod.Post, "/tokens", """{"name":"ci","role":"administrator","expiresInDays":400}""");

        Assert.Equal(
            [("/expiresInDays", "outOfRange"), ("/role", "tooPowerful")],
            (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
    }

    [Fact]
    public async Task Projects_keep_their_members_apart()
    {
        var project = await AddProjectAsync();
        var insider = await AddUserAsync(Role.Operator, project.Id);
        var outsider = await AddUserAsync(Role.Operator, ProjectEntity.DefaultId);
        using var insiderHttp = await api.SignInAsync(insider);
        using var outsiderHttp = await api.SignInAsync(outsider);
        var inside = new CloudVmClient(insiderHttp);
        var outside = new CloudVmClient(outsiderHttp);

        var vm = await inside.Vms.CreateAsync(Requests.NewDefinition() with { Project = project.Name }, cancellationToken: Cancelled);
        var operation = await inside.Vms.StartAsync(vm.Id, cancellationToken: Cancelled);

        Assert.Equal(vm.Id, (await inside.Vms.GetAsync(vm.Id, Cancelled)).Id);
        Assert.DoesNotContain((await outside.Vms.ListAsync(new() { PageSize = 500 }, Cancelled)).Items, v => v.Id == vm.Id);
        foreach (var path in (string[])[$"/vms/{vm.Id}", $"/operations/{operation.Id}", $"/vms/{vm.Id}/events", $"/vms/{vm.Id}/console/log", $"/vms/{vm.Id}/snapshots"])
            await (await outsiderHttp.SendJsonAsync(HttpMethod.Get, path)).ReadProblemAsync(HttpStatusCode.NotFound);
        foreach (var path in (string[])[$"/vms/{vm.Id}:stop", $"/operations/{operation.Id}:cancel", $"/vms/{vm.Id}/snapshot-schedules"])
            await (await outsiderHttp.SendJsonAsync(HttpMethod.Post, path, "{}")).ReadProblemAsync(HttpStatusCode.NotFound);
        await (await outsiderHttp.SendJsonAsync(HttpMethod.Delete, $"/vms/{vm.Id}")).ReadProblemAsync(HttpStatusCode.NotFound);
        var foreign = await Assert.ThrowsAsync<CloudVmApiException>(
            () => outside.Vms.CreateAsync(Requests.NewDefinition() with { Project = project.Name }, cancellationToken: Cancelled));
        Assert.Equal("unknownProject", Assert.Single(foreign.Problem.Errors).Code);
    }

    [Fact]
    public async Task One_name_serves_in_two_projects()
    {
        var project = await AddProjectAsync();
        var vm = await api.CreateVmAsync();

        var twin = await api.Client.Vms.CreateAsync(Requests.NewDefinition(vm.Name) with { Project = project.Name }, cancellationToken: Cancelled);

        Assert.Equal((vm.Name, project.Name), (twin.Name, twin.Project));
    }

    [Fact]
    public async Task The_local_secret_gives_an_administrators_token()
    {
        using var http = api.NewHttp();

        var wrong = await http.SendJsonAsync(HttpMethod.Post, "/tokens:local", headers: ("X-CloudVm-Local-Secret", "guess"));
        var missing = await http.SendJsonAsync(HttpMethod.Post, "/tokens:local");
        var right = await http.SendJsonAsync(HttpMethod.Post, "/tokens:local", headers: ("X-CloudVm-Local-Secret", api.LocalSecret));

        await wrong.ReadProblemAsync(HttpStatusCode.Unauthorized);
        await missing.ReadProblemAsync(HttpStatusCode.Unauthorized);
        var token = await right.ReadAsync<IssuedToken>(HttpStatusCode.Created);
        using var local = NewHttp(token.Token);
        Assert.Equal(Role.Administrator, (await new CloudVmClient(local).Access.GetPrincipalAsync(Cancelled)).Role);
    }

    [Fact]
    public async Task A_new_user_is_checked_for_every_reason_and_can_sign_in()
    {
        var refused = await api.Http.SendJsonAsync(HttpMethod.Post, "/users", """{"userName":"admin","password":"short"}""");
        Assert.Equal(
            [("/password", "weakPassword"), ("/userName", "nameTaken")],
            (await refused.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());

        var name = Requests.UniqueName("user");
        await api.Client.Access.CreateUserAsync(new UserRequest { UserName = name, Password = ApiServer.Password, Role = Role.Operator }, Cancelled);
        using var http = await api.SignInAsync(name);
        Assert.Equal(["default"], (await new CloudVmClient(http).Access.GetPrincipalAsync(Cancelled)).Projects);
        Assert.Contains((await api.Client.Access.ListUsersAsync(new() { Filter = $"userName = {name}" }, Cancelled)).Items, u => u.Role == Role.Operator);
    }

    private static Task<HttpResponseMessage> SignInAsync(HttpClient http, string user, string password) =>
        http.SendJsonAsync(HttpMethod.Post, "/sessions", $$"""{"user":"{{user}}","password":"{{password}}"}""");

    private HttpClient NewHttp(string token)
    {
        var http = api.NewHttp();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }

    private async Task<string> AddUserAsync(Role role, Guid? projectId = null)
    {
        var name = Requests.UniqueName("user");
        var id = await api.AddUserAsync(name, role);
        await using var context = api.NewContext();
        context.ProjectMembers.Add(new ProjectMemberEntity { ProjectId = projectId ?? ProjectEntity.DefaultId, UserId = id });
        await context.SaveChangesAsync(Cancelled);
        return name;
    }

    private async Task<ProjectEntity> AddProjectAsync()
    {
        await using var context = api.NewContext();
        var project = new ProjectEntity { Id = Guid.CreateVersion7(), Name = Requests.UniqueName("project") };
        context.Projects.Add(project);
        await context.SaveChangesAsync(Cancelled);
        return project;
    }
}
