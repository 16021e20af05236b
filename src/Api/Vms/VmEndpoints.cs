using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Vms;

internal static class VmEndpoints
{
    public static IServiceCollection AddVms(this IServiceCollection services) => services
        .AddScoped<ListVms>()
        .AddScoped<GetVm>()
        .AddScoped<CreateVm>()
        .AddScoped<ChangeVm>()
        .AddScoped<VmDefinitions>()
        .AddScoped<DiskDefinitions>()
        .AddScoped<VmVerbs>()
        .AddScoped<BulkVms>();

    public static void MapVms(this RouteGroupBuilder api)
    {
        var vms = api.MapGroup("/vms").WithTags("VMs");
        vms.MapGet("", (ListRequest request, ListVms handler, CancellationToken ct) => handler.HandleAsync(request, ct))
            .Describe("listVms", "List VMs", "Pages through the VMs of every project that the caller may use.")
            .ProducesPage<Vm>();
        vms.MapGet("/{id:guid}", (Guid id, GetVm handler, CancellationToken ct) => handler.HandleAsync(id, ct))
            .Describe("getVm", "Get a VM", "The definition, the desired state and what was last observed.")
            .ProducesResource<Vm>();

        var change = vms.MapGroup("").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        change.MapPost("", (JsonBody<VmDefinition> body, CreateVm handler, CancellationToken ct) => handler.HandleAsync(body, ct))
            .Describe("createVm", "Create a VM", "Stores a definition; the VM is stopped until it is started. An invalid definition is refused with every reason.")
            .ProducesCreated<Vm>();
        change.MapPut("/{id:guid}", (Guid id, JsonBody<VmDefinition> body, ChangeVm handler, HttpRequest request, CancellationToken ct) =>
                handler.ReplaceAsync(id, body, request, ct))
            .Describe("replaceVm", "Replace a VM's definition", "What is left out gets its default. A running guest keeps its old definition until it is restarted.")
            .ProducesChanged<Vm>();
        change.MapPatch("/{id:guid}", (Guid id, JsonBody<VmPatch> body, ChangeVm handler, HttpRequest request, CancellationToken ct) =>
                handler.PatchAsync(id, body, request, ct))
            .Describe("patchVm", "Change a VM's definition", "JSON merge patch: what is left out stays, null removes.")
            .ProducesChanged<Vm>();
        change.MapDelete("/{id:guid}", (Guid id, VmVerbs verbs, HttpRequest request, CancellationToken ct) =>
                verbs.DeleteAsync(id, QueryFlags.Read(request, "force"), request, ct))
            .Describe("deleteVm", "Delete a VM", "Needs a stopped VM, or force=true, which also supersedes a running operation. Snapshots survive.")
            .WithFlag("force", "Delete whatever the VM does.")
            .ProducesOperation();

        change.MapVerb("start", "startVm", "Start a VM", VmVerb.Start);
        change.MapVerb("pause", "pauseVm", "Pause a VM", VmVerb.Pause);
        change.MapVerb("resume", "resumeVm", "Resume a paused VM", VmVerb.Resume);
        change.MapVerb("reset", "resetVm", "Reset a VM", VmVerb.Reset);
        change.MapPost("/{id:guid}:stop", (Guid id, JsonBody<StopVmRequest> body, VmVerbs verbs, HttpRequest request, CancellationToken ct) =>
                verbs.StopAsync(id, body, request, ct))
            .Describe(
                "stopVm", "Stop a VM",
                "Asks the guest to shut down (power button, agent's console port) and forces it when the time-out has passed; a paused guest is resumed "
                + "for that. The operation's result and the event vm.stopped say whether the guest shut down by itself or was forced. "
                + "With force it ends the guest at once and supersedes whatever operation is under way.")
            .ProducesOperation();

        api.MapBulk("start", "startVms", "Start VMs", (JsonBody<BulkVmRequest> body, BulkVms handler, CancellationToken ct) => handler.StartAsync(body, ct));
        api.MapBulk("stop", "stopVms", "Stop VMs", (JsonBody<BulkVmRequest> body, BulkVms handler, CancellationToken ct) => handler.StopAsync(body, ct));
    }

    private static void MapVerb(this RouteGroupBuilder vms, string verb, string operationId, string summary, VmVerb what) =>
        vms.MapPost($"/{{id:guid}}:{verb}", (Guid id, VmVerbs verbs, HttpRequest request, CancellationToken ct) =>
                verbs.RequestAsync(id, what, request, ct))
            .Describe(operationId, summary, "Refused with 409 while another operation of the VM is under way.")
            .ProducesOperation();

    private static void MapBulk(this RouteGroupBuilder api, string verb, string operationId, string summary, Delegate handler) =>
        api.MapPost($"/vms:{verb}", handler)
            .WithTags("VMs")
            .RequireRole(Role.Operator)
            .AddEndpointFilter<UnitOfWork>()
            .Describe(operationId, summary, "Answers for each VM what a call for it alone would have answered.")
            .Produces<BulkResult>(StatusCodes.Status207MultiStatus)
            .ProducesProblems(400, 401, 403, 409, 422, 429);
}
