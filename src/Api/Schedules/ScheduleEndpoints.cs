using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Schedules;

namespace CloudVm.Api.Schedules;

internal static class ScheduleEndpoints
{
    public static IServiceCollection AddSchedules(this IServiceCollection services) => services
        .AddScoped<ReadSchedules>()
        .AddScoped<ChangeSchedules>();

    public static void MapSchedules(this RouteGroupBuilder api)
    {
        var schedules = api.MapGroup("/snapshot-schedules").WithTags("Schedules");
        schedules.MapGet("", (ListRequest request, ReadSchedules handler, CancellationToken ct) => handler.ListAsync(request, vmId: null, ct))
            .Describe("listSchedules", "List snapshot schedules", "Of every VM that the caller may see.")
            .ProducesPage<SnapshotSchedule>();
        schedules.MapGet("/{id:guid}", (Guid id, ReadSchedules handler, CancellationToken ct) => handler.GetAsync(id, ct))
            .Describe("getSchedule", "Get a snapshot schedule", "With its next and its last run.")
            .ProducesResource<SnapshotSchedule>();
        schedules.MapGet("/{id:guid}/runs", (Guid id, ListRequest request, ReadSchedules handler, CancellationToken ct) =>
                handler.ListRunsAsync(id, request, ct))
            .Describe("listScheduleRuns", "List a schedule's runs", "Newest first.")
            .ProducesPage<ScheduleRun>();
        api.MapGet("/vms/{id:guid}/snapshot-schedules", (Guid id, ListRequest request, ReadSchedules handler, CancellationToken ct) =>
                handler.ListAsync(request, id, ct))
            .WithTags("Schedules")
            .Describe("listVmSchedules", "List a VM's snapshot schedules", "A VM may have several.")
            .ProducesPage<SnapshotSchedule>();

        api.MapPost("/vms/{id:guid}/snapshot-schedules", (Guid id, JsonBody<ScheduleDefinition> body, ChangeSchedules handler, CancellationToken ct) =>
                handler.CreateAsync(id, body, ct))
            .WithTags("Schedules")
            .RequireRole(Role.Operator)
            .AddEndpointFilter<UnitOfWork>()
            .Describe("createSchedule", "Create a snapshot schedule", "Cron expression with a time zone; retention by count and by day.")
            .ProducesCreated<SnapshotSchedule>();
        var change = schedules.MapGroup("").RequireRole(Role.Operator).AddEndpointFilter<UnitOfWork>();
        change.MapPut("/{id:guid}", (Guid id, JsonBody<ScheduleDefinition> body, ChangeSchedules handler, HttpRequest request, CancellationToken ct) =>
                handler.ReplaceAsync(id, body, request, ct))
            .Describe("replaceSchedule", "Replace a snapshot schedule", "What is left out gets its default.")
            .ProducesChanged<SnapshotSchedule>();
        change.MapPatch("/{id:guid}", (Guid id, JsonBody<SchedulePatch> body, ChangeSchedules handler, HttpRequest request, CancellationToken ct) =>
                handler.PatchAsync(id, body, request, ct))
            .Describe("patchSchedule", "Change a snapshot schedule", "JSON merge patch: what is left out stays, null removes.")
            .ProducesChanged<SnapshotSchedule>();
        change.MapDelete("/{id:guid}", (Guid id, ChangeSchedules handler, HttpRequest request, CancellationToken ct) =>
                handler.DeleteAsync(id, request, ct))
            .Describe("deleteSchedule", "Delete a snapshot schedule", "Its snapshots stay.")
            .ProducesNothing();
    }
}
