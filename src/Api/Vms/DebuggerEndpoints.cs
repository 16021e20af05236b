using CloudVm.Api.Access;
using CloudVm.Api.Nodes;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Answers;
using CloudVm.Contracts;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Events;

namespace CloudVm.Api.Vms;

/// <summary><c>/vms/{id}:debug</c> and <c>/vms/{id}/debugger</c>: the door for debuggers on a VM's node.</summary>
internal static class DebuggerEndpoints
{
    public static IServiceCollection AddDebuggers(this IServiceCollection services) => services.AddScoped<VmDebuggers>();

    public static void MapDebuggers(this RouteGroupBuilder api)
    {
        var vms = api.MapGroup("/vms").WithTags("Guests");
        vms.MapGet("/{id:guid}/debugger", (Guid id, HttpContext http, GuestReader reader) => reader.ReadGuestAsync(id, http, "debugger"))
            .Describe("getDebugger", "Look at a VM's debugger", "Whether a debugger is connected, whether it holds the guest still, and where the door for it is.")
            .Produces<VmDebugger>()
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);

        var change = vms.MapGroup("").RequireRole(Role.Operator);
        change.MapPost("/{id:guid}:debug", (Guid id, VmDebuggers handler, CancellationToken ct) => handler.OpenAsync(id, ct))
            .Describe(
                "openDebugger", "Open the door for debuggers",
                "Opens the VM's GDB server on a loopback port of its node, or leaves an open door as it is. "
                + "Whoever has an account on the node can connect. Recorded as the event vm.debuggerOpened.")
            .Produces<VmDebugger>()
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);
        change.MapDelete("/{id:guid}/debugger", (Guid id, VmDebuggers handler, CancellationToken ct) => handler.CloseAsync(id, ct))
            .Describe(
                "closeDebugger", "Close the door for debuggers",
                "Ends the session that came through it as well; the guest goes on. Recorded as the event vm.debuggerClosed.")
            .Produces<VmDebugger>()
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);
    }
}

/// <summary>Has a VM's node open and close its door, and records who wanted it.</summary>
internal sealed class VmDebuggers(CloudVmDbContext database, GuestReader guests, NodeProxy nodes, ProjectScope scope, TimeProvider timeProvider)
{
    public Task<Answer> OpenAsync(Guid id, CancellationToken cancellationToken) =>
        ChangeAsync(id, HttpMethod.Put, EventTypes.VmDebuggerOpened, cancellationToken);

    public Task<Answer> CloseAsync(Guid id, CancellationToken cancellationToken) =>
        ChangeAsync(id, HttpMethod.Delete, EventTypes.VmDebuggerClosed, cancellationToken);

    private async Task<Answer> ChangeAsync(Guid id, HttpMethod method, string eventType, CancellationToken cancellationToken)
    {
        var (vm, node) = await guests.FindGuestAsync(id, cancellationToken);
        var debugger = await nodes.AskAsync<VmDebugger>(node, method, $"/vms/{id}/debugger", body: null, cancellationToken);
        database.AddEvent(
            eventType, new ResourceReference("vm", vm.Id.ToString(), vm.Name), vm.ProjectId, vm.Id,
            new VmDebuggerChange(scope.Principal.UserName, debugger), timeProvider.GetDatabaseNow());

        // Past this point the client may have left: the door is open, and that is recorded.
        await database.SaveChangesAsync(CancellationToken.None);
        return Answer.Ok(debugger);
    }
}
