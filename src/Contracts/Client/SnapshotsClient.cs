using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Snapshots;

namespace CloudVm.Contracts.Client;

/// <summary><c>/snapshots</c></summary>
public sealed class SnapshotsClient
{
    private readonly ApiTransport _transport;

    internal SnapshotsClient(ApiTransport transport) => _transport = transport;

    public Task<Page<Snapshot>> ListAsync(ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Snapshot>>("snapshots".WithQuery(query), cancellationToken);

    public Task<Page<Snapshot>> ListOfVmAsync(Guid vmId, ListQuery? query = null, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Page<Snapshot>>($"vms/{vmId}/snapshots".WithQuery(query), cancellationToken);

    public Task<Snapshot> GetAsync(Guid id, CancellationToken cancellationToken = default) =>
        _transport.GetAsync<Snapshot>($"snapshots/{id}", cancellationToken);

    public Task<Operation> DeleteAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Operation>(HttpMethod.Delete, $"snapshots/{id}", body: null, options, cancellationToken);

    public Task<Operation> VerifyAsync(Guid id, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Operation>(HttpMethod.Post, $"snapshots/{id}:verify", body: null, options, cancellationToken);

    /// <summary>Restores the snapshot's own VM in place, or makes a new one when <paramref name="newVmName"/> is given.</summary>
    public Task<Operation> RestoreAsync(
        Guid id, string? newVmName = null, ChangeOptions? options = null, CancellationToken cancellationToken = default) =>
        _transport.SendAsync<Operation>(
            HttpMethod.Post, $"snapshots/{id}:restore", new RestoreSnapshotRequest { NewVmName = newVmName }, options, cancellationToken);
}
