using CloudVm.Api.Access;
using CloudVm.Api.Nodes;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary>What is read from the guest itself, by way of its node.</summary>
internal static class GuestEndpoints
{
    public static IServiceCollection AddGuests(this IServiceCollection services) => services
        .AddScoped<GuestReader>()
        .AddScoped<GuestConsole>()
        .AddScoped<WriteVcpuRegisters>();

    public static void MapGuests(this RouteGroupBuilder api)
    {
        var guests = api.MapGroup("/vms/{id:guid}").WithTags("Guests");
        guests.MapGet("/console/log", (Guid id, HttpContext http, GuestReader reader) => reader.ReadLogAsync(id, http))
            .Describe("getConsoleLog", "Read the stored console log", "All that the VM ever printed, restores marked, as text.")
            .WithParameter("from", "Byte offset to start at.", "integer")
            .WithParameter("tail", "Only the last so many bytes.", "integer")
            .Produces<string>(StatusCodes.Status200OK, "text/plain")
            .ProducesProblems(400, 401, 403, 404, 429, 503);
        guests.MapVcpus();
        guests.MapGet("/counters", (Guid id, HttpContext http, GuestReader reader) => reader.ReadGuestAsync(id, http, "counters"))
            .Describe("getVmCounters", "Read a VM's counters", "What the Hypervisor counts: instructions, exits, FP and SVE traps, loads and saves.")
            .Produces<VmCounters>()
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);
        guests.MapGet("/console", (Guid id, HttpContext http, GuestConsole console) => console.HandleAsync(id, http))
            .WithMetadata(new AllowTicket())
            .Describe(
                "openConsole",
                "Open the console",
                "WebSocket: binary frames carry what the guest prints, earlier output first, and what is typed. Viewers only watch.")
            .WithParameter("from", "Byte offset of the replay to start at.", "integer")
            .WithParameter("ticket", "A ticket in place of the Authorization header.", "string")
            .Produces(StatusCodes.Status101SwitchingProtocols)
            .ProducesProblems(400, 401, 403, 404, 409, 429, 503);
    }
}

/// <summary>Finds the VM and its node, and lets the node answer.</summary>
internal sealed class GuestReader(ProjectScope scope, NodeProxy nodes)
{
    public async Task ReadLogAsync(Guid id, HttpContext http)
    {
        var vm = await FindAsync(id, http.RequestAborted);
        if (await nodes.FindNodeAsync(vm, http.RequestAborted) is { } node)
        {
            await nodes.PassAsync(http, node, $"/vms/{id}/console/log{http.Request.QueryString}");
            return;
        }

        // Never placed on a node, so nothing was ever printed.
        http.Response.ContentType = "text/plain; charset=utf-8";
    }

    public async Task ReadGuestAsync(Guid id, HttpContext http, string path)
    {
        var (_, node) = await FindGuestAsync(id, http.RequestAborted);
        await nodes.PassAsync(http, node, $"/vms/{id}/{path}");
    }

    /// <summary>A VM that has a guest, and the guest's node.</summary>
    public async Task<(VirtualMachineEntity Vm, NodeEntity Node)> FindGuestAsync(Guid id, CancellationToken cancellationToken)
    {
        var vm = await FindAsync(id, cancellationToken);
        var node = await nodes.FindNodeAsync(vm, cancellationToken);
        return node is not null && vm.Status!.HasGuest()
            ? (vm, node)
            : throw Refusal.InvalidState($"VM '{vm.Name}' is {vm.Status!.Phase.ToString().ToLowerInvariant()}: it has no guest to read from.");
    }

    public async Task<VirtualMachineEntity> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await scope.Vms.Include(v => v.Status).AsNoTracking().FirstOrDefaultAsync(v => v.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("VM", id);
}
