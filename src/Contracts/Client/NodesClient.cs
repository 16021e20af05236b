using CloudVm.Contracts.Nodes;

namespace CloudVm.Contracts.Client;

/// <summary><c>/nodes</c></summary>
public sealed class NodesClient
{
    private readonly ApiTransport _transport;

    internal NodesClient(ApiTransport transport) => _transport = transport;

    public Task<Page<Node>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Node>>("nodes".WithQuery(query), cancellationToken);

    public Task<Node> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Node>($"nodes/{id}", cancellationToken);

    public Task<Node> CordonAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Node>(HttpMethod.Post, $"nodes/{id}:cordon", body: null, options: null, cancellationToken);

    public Task<Node> UncordonAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Node>(HttpMethod.Post, $"nodes/{id}:uncordon", body: null, options: null, cancellationToken);
}
