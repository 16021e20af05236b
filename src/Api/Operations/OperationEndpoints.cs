using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Operations;

namespace CloudVm.Api.Operations;

internal static class OperationEndpoints
{
    public static IServiceCollection AddOperations(this IServiceCollection services) => services
        .AddScoped<ListOperations>()
        .AddScoped<GetOperation>()
        .AddScoped<WaitForOperation>()
        .AddScoped<CancelOperation>()
        .AddSingleton<OperationWaiters>()
        .AddHostedService<OperationSweeper>();

    public static void MapOperations(this RouteGroupBuilder api)
    {
        var operations = api.MapGroup("/operations").WithTags("Operations");
        operations.MapGet("", (ListRequest request, ListOperations handler, CancellationToken ct) => handler.HandleAsync(request, ct))
            .Describe("listOperations", "List operations", "Newest first. Ended operations are kept for 30 days.")
            .ProducesPage<Operation>();
        operations.MapGet("/{id:guid}", (Guid id, GetOperation handler, CancellationToken ct) => handler.HandleAsync(id, ct))
            .Describe("getOperation", "Get an operation", "How far it has come, and in the end its result or problem.")
            .ProducesResource<Operation>();
        operations.MapGet("/{id:guid}:wait", (Guid id, HttpRequest request, WaitForOperation handler, CancellationToken ct) =>
                handler.HandleAsync(id, request, ct))
            .Describe("waitForOperation", "Wait for an operation", "Answers when the operation ends, or as it is when the time is over.")
            .WithParameter("timeout", "Seconds to wait, 0 to 120; 30 when left out.", "number")
            .ProducesResource<Operation>();
        operations.MapPost("/{id:guid}:cancel", (Guid id, CancelOperation handler, CancellationToken ct) => handler.HandleAsync(id, ct))
            .RequireRole(Role.Operator)
            .AddEndpointFilter<UnitOfWork>()
            .Describe("cancelOperation", "Cancel an operation", "Ends a pending operation at once and asks a running one to end. An ended one stays as it is.")
            .ProducesChanged<Operation>();
    }
}
