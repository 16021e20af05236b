using CloudVm.Contracts;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Events;
using CloudVm.Storage.Events;
using CloudVm.Worker.Data;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Reconciling;

/// <summary>Passes on what guests' devices report as events of their VMs. After a restart of the Worker the kept ones come again.</summary>
/// <remarks>Thread: one at a time.</remarks>
public sealed class DeviceEvents(VmProcesses processes, FencedDatabase database)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Dictionary<ProcessIdentity, long> _seen = [];

    /// <summary>Asks every live process for what is new.</summary>
    public async Task RefreshAsync(CancellationToken ct)
    {
        KeyValuePair<Guid, HypervisorInstance>[] live = [.. processes.Live];
        foreach (ProcessIdentity ended in _seen.Keys.Except(live.Select(l => l.Value.Identity)).ToArray())
            _seen.Remove(ended);
        foreach ((Guid vmId, HypervisorInstance instance) in live)
        {
            long seen = _seen.GetValueOrDefault(instance.Identity);
            if (await ReadAsync(instance, seen, ct).ConfigureAwait(false) is not { Count: > 0 } news)
                continue;
            await PassOnAsync(vmId, news, ct).ConfigureAwait(false);
            _seen[instance.Identity] = news[^1].Sequence;
        }
    }

    private static async Task<IReadOnlyList<DeviceEvent>> ReadAsync(HypervisorInstance instance, long seen, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        try
        {
            MachineStatus status = await instance.Client.StatusAsync(deadline.Token).ConfigureAwait(false);
            return status.LastDeviceEvent > seen ? await instance.Client.DeviceEventsAsync(seen, deadline.Token).ConfigureAwait(false) : [];
        }
        catch (Exception silent) when (silent is HttpRequestException or HypervisorControlException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return []; // Ended or busy; the next round asks again.
        }
    }

    private Task<bool> PassOnAsync(Guid vmId, IReadOnlyList<DeviceEvent> news, CancellationToken ct) =>
        database.WriteAsync(
            async (db, token) =>
            {
                var vm = await db.VirtualMachines.Where(v => v.Id == vmId).Select(v => new { v.Name, v.ProjectId }).FirstOrDefaultAsync(token).ConfigureAwait(false);
                if (vm is null)
                    return false;
                foreach (DeviceEvent report in news)
                    db.AddEvent(EventTypes.VmDeviceEvent, new ResourceReference("vm", vmId.ToString(), vm.Name), vm.ProjectId, vmId, report, report.Time);
                return true;
            },
            ct);
}
