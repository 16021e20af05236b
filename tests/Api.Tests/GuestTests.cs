using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace CloudVm.Api.Tests;

/// <summary>Console, log, registers and counters by way of a node, played by a small server.</summary>
public sealed class GuestTests(ApiServer api) : IClassFixture<ApiServer>, IAsyncLifetime
{
    private readonly List<string> _credentials = [];
    private WebApplication _node = null!;
    private Guid _nodeId;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _node = builder.Build();
        _node.UseWebSockets();
        _node.Use((context, next) =>
        {
            _credentials.Add(context.Request.Headers.Authorization.ToString());
            return next(context);
        });
        _node.MapGet("/vms/{id}/console/log", (Guid id, string? tail) => Results.Text($"log of {id} tail {tail}"));
        _node.MapGet("/vms/{id}/counters", () => Results.Json(new { at = DateTimeOffset.UnixEpoch, machine = new { exits = 7 }, vcpus = Array.Empty<int>() }));
        _node.MapGet("/vms/{id}/vcpus/{n:int}/registers", (int n) =>
            Results.Json(new { title = $"no vCPU {n}", status = 404, code = "notFound" }, contentType: "application/problem+json", statusCode: 404));
        _node.MapPut("/vms/{id}/vcpus/{n:int}/registers", AnswerWrite);
        _node.MapGet("/vms/{id}/console", EchoAsync);
        _node.MapGet("/vms/{id}/debugger", () => Results.Json(new { attached = true, stopped = true }));
        _node.MapPut("/vms/{id}/debugger", () => Results.Json(new { attached = false, stopped = false, address = "127.0.0.1", port = 4711 }));
        _node.MapDelete("/vms/{id}/debugger", () =>
            Results.Json(new { title = "no guest", status = 409, code = "invalidState", detail = "It has just ended." }, contentType: "application/problem+json", statusCode: 409));
        await _node.StartAsync(Cancelled);

        _nodeId = Guid.CreateVersion7();
        await using var context = api.NewContext();
        context.Nodes.Add(new NodeEntity
        {
            Id = _nodeId,
            Name = Requests.UniqueName("node"),
            Url = _node.Urls.Single(),
            SecretHash = new byte[32],
            Version = "1",
            MemoryMiB = 4096,
            LastHeartbeatAt = DateTimeOffset.UtcNow,
        });
        await context.SaveChangesAsync(Cancelled);
    }

    public async ValueTask DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Log_and_counters_come_from_the_vms_node_under_its_secret()
    {
        var vm = await CreateVmOnNodeAsync();

        var log = await api.Client.Vms.GetConsoleLogAsync(vm.Id, tail: 5, cancellationToken: Cancelled);
        var counters = await api.Client.Vms.GetCountersAsync(vm.Id, Cancelled);

        Assert.Equal($"log of {vm.Id} tail 5", log);
        Assert.Equal(7, counters.Machine["exits"]);
        Assert.All(_credentials, c => Assert.Equal("Node node-secret", c));
    }

    [Fact]
    public async Task What_the_node_refuses_is_passed_on()
    {
        var vm = await CreateVmOnNodeAsync();

        var response = await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}/vcpus/9/registers");

        Assert.Equal("no vCPU 9", (await response.ReadProblemAsync(HttpStatusCode.NotFound)).Title);
    }

    [Fact]
    public async Task Registers_of_a_paused_guest_are_written_and_an_event_says_who_did()
    {
        var vm = await CreateVmOnNodeAsync(VmPhase.Paused);

        var one = await api.Client.Vms.WriteRegisterAsync(vm.Id, 0, "X1", "0x2", Cancelled);
        var both = await api.Client.Vms.WriteRegistersAsync(
            vm.Id, 0, [new VcpuRegisterWrite { Register = "X1", Value = "0x3" }, new VcpuRegisterWrite { Register = "X2", Value = "0x4" }], Cancelled);

        Assert.Equal(("X1", "0x2"), (one.Name, one.Value));
        Assert.Equal(["0x3", "0x4"], both.Registers.Select(r => r.Value));
        await using var context = api.NewContext();
        var events = await context.OutboxEvents.Where(e => e.VmId == vm.Id && e.Type == "vm.registersWritten").ToListAsync(Cancelled);
        Assert.Equal(2, events.Count);
        Assert.Contains("\"by\": \"admin\"", events[0].Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_write_names_every_reason_and_leaves_no_event()
    {
        var vm = await CreateVmOnNodeAsync(VmPhase.Paused);

        var many = await api.Http.SendJsonAsync(HttpMethod.Put, $"/vms/{vm.Id}/vcpus/0/registers", """{"registers":[{"register":"bad","value":"0x1"}]}""");
        var unknown = await api.Http.SendJsonAsync(HttpMethod.Put, $"/vms/{vm.Id}/vcpus/0/registers/bad", """{"value":"0x1"}""");
        var malformed = await api.Http.SendJsonAsync(HttpMethod.Put, $"/vms/{vm.Id}/vcpus/0/registers/X0", """{"valu":"0x1"}""");
        var none = await api.Http.SendJsonAsync(HttpMethod.Put, $"/vms/{vm.Id}/vcpus/0/registers", """{"registers":[]}""");

        Assert.Equal("/registers/0/register", (await many.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Errors.Single().Pointer);
        await unknown.ReadProblemAsync(HttpStatusCode.NotFound);
        await malformed.ReadProblemAsync(HttpStatusCode.UnprocessableEntity);
        await none.ReadProblemAsync(HttpStatusCode.UnprocessableEntity);
        await using var context = api.NewContext();
        Assert.False(await context.OutboxEvents.AnyAsync(e => e.VmId == vm.Id && e.Type == "vm.registersWritten", Cancelled));
    }

    [Fact]
    public async Task Registers_of_a_running_guest_are_not_written_and_viewers_write_none()
    {
        var running = await CreateVmOnNodeAsync();
        var paused = await CreateVmOnNodeAsync(VmPhase.Paused);
        using var viewer = await SignInViewerAsync();

        var conflict = await api.Http.SendJsonAsync(HttpMethod.Put, $"/vms/{running.Id}/vcpus/0/registers/X1", """{"value":"0x1"}""");
        var forbidden = await viewer.SendJsonAsync(HttpMethod.Put, $"/vms/{paused.Id}/vcpus/0/registers/X1", """{"value":"0x1"}""");

        Assert.Equal("invalidState", (await conflict.ReadProblemAsync(HttpStatusCode.Conflict)).Code);
        await forbidden.ReadProblemAsync(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task The_door_for_debuggers_is_opened_on_the_node_and_recorded_with_who_did_it()
    {
        var vm = await CreateVmOnNodeAsync();

        var opened = await api.Client.Vms.OpenDebuggerAsync(vm.Id, Cancelled);
        var now = await api.Client.Vms.GetDebuggerAsync(vm.Id, Cancelled);
        var closing = await api.Http.SendJsonAsync(HttpMethod.Delete, $"/vms/{vm.Id}/debugger");

        Assert.Equal(("127.0.0.1", 4711), (opened.Address, opened.Port));
        Assert.True(now is { Attached: true, Stopped: true, Port: null });
        var refused = await closing.ReadProblemAsync(HttpStatusCode.Conflict);
        Assert.Equal(("no guest", "It has just ended."), (refused.Title, refused.Detail));
        await using var context = api.NewContext();
        var recorded = Assert.Single(await context.OutboxEvents.Where(e => e.VmId == vm.Id && e.Type.StartsWith("vm.debugger")).ToListAsync(Cancelled));
        Assert.Equal(EventTypes.VmDebuggerOpened, recorded.Type);
        var change = JsonSerializer.Deserialize<VmDebuggerChange>(recorded.Data!, CloudVmJson.Options)!;
        Assert.Equal(opened, change.Debugger);
        Assert.NotEmpty(change.By);
    }

    [Fact]
    public async Task Viewers_open_no_door_and_a_vm_without_a_guest_has_none()
    {
        var vm = await CreateVmOnNodeAsync();
        var stopped = await api.CreateVmAsync();
        using var http = await SignInViewerAsync();
        await (await http.SendJsonAsync(HttpMethod.Post, $"/vms/{vm.Id}:debug")).ReadProblemAsync(HttpStatusCode.Forbidden);
        await (await http.SendJsonAsync(HttpMethod.Delete, $"/vms/{vm.Id}/debugger")).ReadProblemAsync(HttpStatusCode.Forbidden);
        Assert.Equal(HttpStatusCode.OK, (await http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}/debugger")).StatusCode);
        await (await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{stopped.Id}:debug")).ReadProblemAsync(HttpStatusCode.Conflict);
        await (await api.Http.SendJsonAsync(HttpMethod.Post, $"/vms/{Guid.NewGuid()}:debug")).ReadProblemAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_node_that_does_not_answer_is_unavailable()
    {
        var vm = await CreateVmOnNodeAsync();
        await _node.StopAsync(Cancelled);

        var response = await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}/counters");

        Assert.Equal("nodeUnavailable", (await response.ReadProblemAsync(HttpStatusCode.ServiceUnavailable)).Code);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task A_vm_that_never_ran_has_an_empty_log_and_no_guest()
    {
        var vm = await api.CreateVmAsync();

        Assert.Equal("", await api.Client.Vms.GetConsoleLogAsync(vm.Id, cancellationToken: Cancelled));
        await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}/counters")).ReadProblemAsync(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task The_console_goes_both_ways_with_a_token_or_a_ticket()
    {
        var vm = await CreateVmOnNodeAsync();
        var ticket = await api.Client.Access.CreateTicketAsync($"/api/v1/vms/{vm.Id}/console", Cancelled);

        using var withToken = await OpenAsync(vm.Id, "?from=3", api.Http.DefaultRequestHeaders.Authorization!.ToString());
        using var withTicket = await OpenAsync(vm.Id, $"?ticket={ticket.Value}", credentials: null);

        foreach (var (socket, greeting) in new[] { (withToken, "from 3"), (withTicket, "from ") })
        {
            Assert.Equal(greeting, await ReceiveAsync(socket));
            await socket.SendAsync(Encoding.UTF8.GetBytes("regs\n"), WebSocketMessageType.Binary, endOfMessage: true, Cancelled);
            Assert.Equal("> regs\n", await ReceiveAsync(socket));
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancelled);
        }
    }

    [Fact]
    public async Task A_viewer_watches_and_does_not_type()
    {
        var vm = await CreateVmOnNodeAsync();
        using var http = await SignInViewerAsync();
        using var socket = await OpenAsync(vm.Id, "", http.DefaultRequestHeaders.Authorization!.ToString());
        Assert.Equal("from ", await ReceiveAsync(socket));
        await socket.SendAsync("typed"u8.ToArray(), WebSocketMessageType.Binary, endOfMessage: true, Cancelled);
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancelled);

        // The node echoes before it closes, so an echo would come first.
        Assert.Equal("", await ReceiveAsync(socket));
    }

    [Fact]
    public async Task Pages_of_strangers_open_no_console()
    {
        var vm = await CreateVmOnNodeAsync();

        var refused = await Assert.ThrowsAsync<WebSocketException>(
            () => OpenAsync(vm.Id, "", api.Http.DefaultRequestHeaders.Authorization!.ToString(), "https://evil.example"));
        using var dashboard = await OpenAsync(vm.Id, "", api.Http.DefaultRequestHeaders.Authorization!.ToString(), "http://127.0.0.1:7480");

        Assert.Contains("403", refused.Message, StringComparison.Ordinal);
        Assert.Equal(WebSocketState.Open, dashboard.State);
    }

    [Fact]
    public async Task Without_a_websocket_the_console_says_what_it_is()
    {
        var vm = await CreateVmOnNodeAsync();

        await (await api.Http.SendJsonAsync(HttpMethod.Get, $"/vms/{vm.Id}/console")).ReadProblemAsync(HttpStatusCode.BadRequest);
    }

    /// <summary>The node's answer: every register but one is taken.</summary>
    private static IResult AnswerWrite(int n, WriteVcpuRegistersRequest request) => request.Registers.Any(r => r.Register == "bad")
        ? Results.Json(
            new { title = "refused", status = 422, code = "validationFailed", errors = new[] { new { pointer = "/registers/0/register", code = "validationFailed", message = "no 'bad'" } } },
            contentType: "application/problem+json", statusCode: 422)
        : Results.Json(new { registers = request.Registers.Select(r => new { id = "0x1", name = r.Register, sizeBytes = 8, value = r.Value, bytes = "" }) });

    private async Task<HttpClient> SignInViewerAsync()
    {
        var name = Requests.UniqueName("viewer");
        var id = await api.AddUserAsync(name, Role.Viewer);
        await using var context = api.NewContext();
        context.ProjectMembers.Add(new ProjectMemberEntity { ProjectId = ProjectEntity.DefaultId, UserId = id });
        await context.SaveChangesAsync(Cancelled);
        return await api.SignInAsync(name);
    }

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await socket.SendAsync(
            Encoding.UTF8.GetBytes($"from {context.Request.Query["from"]}"), WebSocketMessageType.Binary, endOfMessage: true, context.RequestAborted);
        var buffer = new byte[1024];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
            if (received.MessageType == WebSocketMessageType.Close)
                break;
            await socket.SendAsync(
                Encoding.UTF8.GetBytes("> " + Encoding.UTF8.GetString(buffer, 0, received.Count)), WebSocketMessageType.Binary, endOfMessage: true, context.RequestAborted);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
    }

    private async Task<ClientWebSocket> OpenAsync(Guid vmId, string query, string? credentials, string? origin = null)
    {
        var socket = new ClientWebSocket();
        if (credentials is not null)
            socket.Options.SetRequestHeader("Authorization", credentials);
        if (origin is not null)
            socket.Options.SetRequestHeader("Origin", origin);
        var address = new UriBuilder(api.Http.BaseAddress!) { Scheme = "ws", Path = $"/api/v1/vms/{vmId}/console", Query = query };
        await socket.ConnectAsync(address.Uri, Cancelled);
        return socket;
    }

    private static async Task<string> ReceiveAsync(ClientWebSocket socket)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        patience.CancelAfter(TimeSpan.FromSeconds(30));
        var buffer = new byte[1024];
        var received = await socket.ReceiveAsync(buffer.AsMemory(), patience.Token);
        return Encoding.UTF8.GetString(buffer, 0, received.Count);
    }

    private async Task<Vm> CreateVmOnNodeAsync(VmPhase phase = VmPhase.Running)
    {
        var vm = await api.CreateVmAsync();
        await using var context = api.NewContext();
        await context.VirtualMachines.Where(v => v.Id == vm.Id).ExecuteUpdateAsync(s => s.SetProperty(v => v.NodeId, _nodeId), Cancelled);
        await context.VmStatuses.Where(s => s.VmId == vm.Id)
            .ExecuteUpdateAsync(s => s.SetProperty(v => v.NodeId, _nodeId).SetProperty(v => v.Phase, phase), Cancelled);
        return vm;
    }
}
