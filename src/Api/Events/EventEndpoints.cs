using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Storage.Notifications;

namespace CloudVm.Api.Events;

internal static class EventEndpoints
{
    public static IServiceCollection AddEvents(this IServiceCollection services) => services
        .AddSingleton<DatabaseListener>()
        .AddSingleton<EventStore>()
        .AddSingleton<EventHub>()
        .AddScoped<EventStream>()
        .AddHostedService<EventPump>();

    public static void MapEvents(this RouteGroupBuilder api)
    {
        const string description =
            "Server-sent events in the order of their commits. Begins with a bookmark, sends one every 15 seconds; Last-Event-ID, "
            + "or after, resumes. 410 says that the position is too old. A reader that is too slow is disconnected, never skipped.";
        api.MapGet("/events", (HttpContext http, EventStream stream) => stream.HandleAsync(http, vmId: null))
            .WithTags("Events")
            .Describe("streamEvents", "Follow events", description)
            .AsStream();
        api.MapGet("/vms/{id:guid}/events", (Guid id, HttpContext http, EventStream stream) => stream.HandleAsync(http, id))
            .WithTags("VMs")
            .Describe("streamVmEvents", "Follow a VM's events", description)
            .AsStream();
    }

    private static void AsStream(this RouteHandlerBuilder builder) => builder
        .WithMetadata(new AllowTicket())
        .WithRequestHeader("Last-Event-ID", "Position after which to resume.")
        .WithParameter("after", "As Last-Event-ID, for clients that cannot send headers.", "string")
        .WithParameter("ticket", "A ticket in place of the Authorization header.", "string")
        .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
        .ProducesProblems(400, 401, 403, 404, 410, 429);
}
