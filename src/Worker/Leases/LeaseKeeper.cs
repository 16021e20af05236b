using System.Collections.Concurrent;
using CloudVm.Storage.Leases;
using CloudVm.Worker.Nodes;
using Npgsql;

namespace CloudVm.Worker.Leases;

/// <summary>
/// The leases that this Worker holds. Nobody but a VM's own node may claim its lease, so a lease that ran out while the database was away
/// is simply renewed: losing the database for a while costs nothing.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class LeaseKeeper(WorkerOptions options, NodeIdentity node, NpgsqlDataSource database)
{
    private readonly ConcurrentDictionary<Guid, VmLease> _held = new();

    /// <summary>The lease, claimed under a new epoch unless this Worker holds it already; null when the VM is another node's.</summary>
    public async Task<VmLease?> EnsureAsync(Guid vmId, CancellationToken ct)
    {
        if (_held.TryGetValue(vmId, out VmLease held))
            return held;
        if (await VmLeases.TryAcquireAsync(database, vmId, node.Id, options.LeaseDuration, ct).ConfigureAwait(false) is not { } epoch)
            return null;
        VmLease lease = new(vmId, node.Id, epoch);
        _held[vmId] = lease;
        return lease;
    }

    /// <summary>Extends every held lease; those that were taken over are dropped.</summary>
    public async Task RenewAsync(CancellationToken ct)
    {
        Dictionary<Guid, long> epochs = _held.ToDictionary(held => held.Key, held => held.Value.Epoch);
        if (epochs.Count == 0)
            return;
        IReadOnlySet<Guid> renewed = await VmLeases.RenewAsync(database, node.Id, epochs, options.LeaseDuration, ct).ConfigureAwait(false);
        foreach ((Guid vmId, long epoch) in epochs.Where(held => !renewed.Contains(held.Key)))
            Drop(new VmLease(vmId, node.Id, epoch));
    }

    /// <summary>Forgets a lease that was taken over, or whose VM is gone.</summary>
    public void Drop(VmLease lease) => _held.TryRemove(new KeyValuePair<Guid, VmLease>(lease.VmId, lease));
}
