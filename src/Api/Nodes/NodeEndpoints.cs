using System.Linq.Expressions;
using CloudVm.Api.Access;
using CloudVm.Api.OpenApi;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts.Access;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Nodes;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Nodes;

internal static class NodeEndpoints
{
    public static IServiceCollection AddNodes(this IServiceCollection services) => services
        .AddScoped<NodeRegistry>()
        .AddScoped<NodeProxy>()
        .AddHttpClient(NodeProxy.HttpClientName).ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
        }).Services;

    public static void MapNodes(this RouteGroupBuilder api)
    {
        var nodes = api.MapGroup("/nodes").WithTags("Nodes");
        nodes.MapGet("", (ListRequest request, NodeRegistry registry, CancellationToken ct) => registry.ListAsync(request, ct))
            .Describe("listNodes", "List nodes", "The machines that run VMs.")
            .ProducesPage<Node>();
        nodes.MapGet("/{id:guid}", (Guid id, NodeRegistry registry, CancellationToken ct) => registry.GetAsync(id, ct))
            .Describe("getNode", "Get a node", "Its size, its load and whether it is ready.")
            .ProducesResource<Node>();

        var change = nodes.MapGroup("").RequireRole(Role.Administrator).AddEndpointFilter<UnitOfWork>();
        change.MapPost("/{id:guid}:cordon", (Guid id, NodeRegistry registry, CancellationToken ct) => registry.CordonAsync(id, cordoned: true, ct))
            .Describe("cordonNode", "Cordon a node", "It keeps what it runs and gets no new VM.")
            .ProducesChanged<Node>();
        change.MapPost("/{id:guid}:uncordon", (Guid id, NodeRegistry registry, CancellationToken ct) => registry.CordonAsync(id, cordoned: false, ct))
            .Describe("uncordonNode", "Uncordon a node", "It gets new VMs again.")
            .ProducesChanged<Node>();
    }
}

/// <summary><c>/nodes</c></summary>
internal sealed class NodeRegistry(CloudVmDbContext database, Pager pager, TimeProvider timeProvider)
{
    private static readonly Listing<NodeEntity> Listing = new(
        new FieldMap<NodeEntity>()
            .Add("id", n => n.Id)
            .AddOrdered("name", n => n.Name)
            .AddOrdered("cpuCount", n => n.CpuCount)
            .AddOrdered("memoryMiB", n => n.MemoryMiB)
            .AddOrdered("runningVms", n => n.RunningVms)
            .Add("lastHeartbeatAt", n => n.LastHeartbeatAt),
        DefaultOrder: "name",
        Key: (Expression<Func<NodeEntity, Guid>>)(n => n.Id));

    public async Task<Answer> ListAsync(ListRequest request, CancellationToken cancellationToken) =>
        Answer.Ok(await pager.ListAsync(database.Nodes, request, Listing, n => n.ToContract(timeProvider.GetUtcNow()), cancellationToken));

    public async Task<Answer> GetAsync(Guid id, CancellationToken cancellationToken)
    {
        var node = (await FindAsync(id, cancellationToken)).ToContract(timeProvider.GetUtcNow());
        return Answer.Ok(node, node.Etag);
    }

    public async Task<Answer> CordonAsync(Guid id, bool cordoned, CancellationToken cancellationToken)
    {
        await database.Database.ExecuteSqlAsync($"SELECT FROM nodes WHERE id = {id} FOR UPDATE", cancellationToken);
        var entity = await FindAsync(id, cancellationToken);
        if (entity.Cordoned != cordoned)
        {
            entity.Cordoned = cordoned;
            entity.Revision++;
            database.AddEvent(EventTypes.NodeUpdated, entity.ToContract(timeProvider.GetUtcNow()), timeProvider.GetDatabaseNow());
        }

        var node = entity.ToContract(timeProvider.GetUtcNow());
        return Answer.Ok(node, node.Etag);
    }

    private async Task<NodeEntity> FindAsync(Guid id, CancellationToken cancellationToken) =>
        await database.Nodes.FirstOrDefaultAsync(n => n.Id == id, cancellationToken) ?? throw Refusal.NotFound("node", id);
}
