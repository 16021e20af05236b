using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;

namespace CloudVm.Api.Snapshots;

internal static class SnapshotEndpoints
{
    public static IServiceCollection AddSnapshots(this IServiceCollection services) => services
        .AddScoped<ReadSnapshots>()
        .AddScoped<TakeSnapshot>()
        .AddScoped<RestoreSnapshot>()
        .AddScoped<SnapshotCompatibility>()
        .AddScoped<SnapshotVerbs>();

    public static void MapSnapshots(this RouteGroupBuilder api)
    {
        var snapshots = api.MapGroup("/snapshots").WithTags("Snapshots");
        snapshots.MapGet("", (ListRequest request, ReadSnapshots handler, CancellationToken ct) => handler.ListAsync(request, vmId: null, ct))
            .Describe("listSnapshots", "List snapshots", "Those of deleted VMs too.")
            .ProducesPage<Snapshot>();
        snapshots.MapGet("/{id:guid}", (Guid id, ReadSnapshots handler, CancellationToken ct) => handler.GetAsync(id, ct))
            .Describe("getSnapshot", "Get a snapshot", "What it holds and whether its last verification found it whole.")
            .ProducesResource<Snapshot>();
        api.MapGet("/vms/{id:guid}/snapshots", (Guid id, ListRequest request, ReadSnapshots handler, CancellationToken ct) =>
                handler.ListAsync(request, id, ct))
            .WithTags("Snapshots")
            .Describe("listVmSnapshots", "List a VM's snapshots", "Newest first.")
            .ProducesPage<Snapshot>();

        var change = snapshots.MapGroup("").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        change.MapDelete("/{id:guid}", (Guid id, SnapshotVerbs verbs, CancellationToken ct) => verbs.DeleteAsync(id, ct))
            .Describe("deleteSnapshot", "Delete a snapshot", "Chunks that no other snapshot shares are freed later.")
            .ProducesOperation();
        change.MapPost("/{id:guid}:verify", (Guid id, SnapshotVerbs verbs, CancellationToken ct) => verbs.VerifyAsync(id, ct))
            .Describe("verifySnapshot", "Verify a snapshot", "Reads every chunk and compares it with its name.")
            .ProducesOperation();
        change.MapPost("/{id:guid}:restore", (Guid id, JsonBody<RestoreSnapshotRequest> body, RestoreSnapshot handler, CancellationToken ct) =>
                handler.RestoreAsync(id, body, ct))
            .Describe("restoreSnapshot", "Restore a snapshot", "Makes a new VM where newVmName is given, else puts the snapshot's own VM back.")
            .ProducesOperation();

        var vms = api.MapGroup("/vms").WithTags("Snapshots").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        vms.MapPost("/{id:guid}:snapshot", (Guid id, JsonBody<SnapshotVmRequest> body, TakeSnapshot handler, HttpRequest request, CancellationToken ct) =>
                handler.HandleAsync(id, body, request, ct))
            .Describe("snapshotVm", "Take a snapshot", "Of registers, devices and memory. It becomes visible when it is complete.")
            .ProducesOperation();
        vms.MapPost("/{id:guid}:restore", (Guid id, JsonBody<RestoreVmRequest> body, RestoreSnapshot handler, HttpRequest request, CancellationToken ct) =>
                handler.RestoreInPlaceAsync(id, body, request, ct))
            .Describe("restoreVm", "Restore a VM in place", "Refused with every reason where the VM cannot offer the very same machine.")
            .ProducesOperation();
        vms.MapPost("/{id:guid}:fork", (Guid id, JsonBody<ForkVmRequest> body, RestoreSnapshot handler, HttpRequest request, CancellationToken ct) =>
                handler.ForkAsync(id, body, request, ct))
            .Describe("forkVm", "Fork a VM", "Makes a new VM from a snapshot, or from the VM as it is now.")
            .ProducesOperation();
    }
}
