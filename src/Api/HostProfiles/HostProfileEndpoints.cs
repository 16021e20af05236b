using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.HostProfiles;

namespace CloudVm.Api.HostProfiles;

internal static class HostProfileEndpoints
{
    public static IServiceCollection AddHostProfiles(this IServiceCollection services) => services.AddScoped<HostProfileCatalogue>().AddScoped<ParseCpuOption>();

    public static void MapHostProfiles(this RouteGroupBuilder api)
    {
        var profiles = api.MapGroup("/host-profiles").WithTags("Host profiles");
        profiles.MapGet("", (ListRequest request, HostProfileCatalogue catalogue, CancellationToken ct) => catalogue.ListAsync(request, ct))
            .Describe("listHostProfiles", "List host profiles", "The emulated hosts, with the vector-length sets that guests on them can have.")
            .ProducesPage<HostProfile>();
        profiles.MapGet("/{name}", (string name, HostProfileCatalogue catalogue, CancellationToken ct) => catalogue.GetAsync(name, ct))
            .Describe("getHostProfile", "Get a host profile", "Its CPUs and what KVM on them can offer.")
            .ProducesResource<HostProfile>();
        api.MapPost("/host-profiles:parse", (JsonBody<ParseCpuOptionRequest> body, ParseCpuOption handler, CancellationToken ct) => handler.HandleAsync(body, ct))
            .WithTags("Host profiles")
            .Describe(
                "parseCpuOption",
                "Read a -cpu option of QEMU",
                "Which vector lengths QEMU would give a CPU for such an option, by QEMU's own rules, and the host profiles on which a vCPU can "
                + "have exactly those. Nothing is changed. A refusal names every reason, first the one that QEMU gives.")
            .Produces<ParsedCpuOption>()
            .ProducesProblems(400, 401, 403, 413, 415, 422, 429);

        var change = profiles.MapGroup("").RequireRole(Role.Administrator).AddEndpointFilter<UnitOfWork>();
        change.MapPost("", (JsonBody<HostProfileDefinition> body, HostProfileCatalogue catalogue, CancellationToken ct) => catalogue.CreateAsync(body, ct))
            .Describe("createHostProfile", "Create a host profile", "CPUs may differ in vector lengths; the policy decides what guests get then.")
            .ProducesCreated<HostProfile>();
        change.MapDelete("/{name}", (string name, HostProfileCatalogue catalogue, CancellationToken ct) => catalogue.DeleteAsync(name, ct))
            .Describe("deleteHostProfile", "Delete a host profile", "Built-in ones stay, and so do those that a VM uses or used.")
            .ProducesNothing();
    }
}
