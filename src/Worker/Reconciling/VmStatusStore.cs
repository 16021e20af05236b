using CloudVm.Contracts.Events;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Machines;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Reconciling;

/// <summary>Reads VMs and writes what is observed of them, with its event, under the VM's lease.</summary>
public sealed class VmStatusStore(FencedDatabase database, TimeProvider time)
{
    /// <summary>The VM with image, project and status; null when there is no such row.</summary>
    public Task<VirtualMachineEntity?> FindAsync(Guid vmId, CancellationToken ct) =>
        database.ReadAsync((db, token) => db.VirtualMachines.WithDetails().FirstOrDefaultAsync(vm => vm.Id == vmId, token), ct);

    /// <summary>Changes the status (and possibly the desired state) in a transaction of its own.</summary>
    public Task WriteAsync(VmLease lease, Action<VirtualMachineEntity, VmStatusEntity> change, CancellationToken ct) =>
        database.WriteAsync(lease, async (db, token) =>
        {
            await ChangeAsync(db, lease, change, token).ConfigureAwait(false);
            return true;
        }, ct);

    /// <summary>Changes the status within the caller's transaction, which must be guarded by <paramref name="lease"/>.</summary>
    public async Task ChangeAsync(
        CloudVmDbContext db, VmLease lease, Action<VirtualMachineEntity, VmStatusEntity> change, CancellationToken ct)
    {
        VirtualMachineEntity vm = await db.VirtualMachines.WithDetails().FirstAsync(v => v.Id == lease.VmId, ct).ConfigureAwait(false);
        VmStatusEntity status = vm.Status!;
        DateTimeOffset now = time.GetDatabaseNow();
        change(vm, status);
        if (db.Entry(vm).State == EntityState.Modified)
        {
            vm.Revision++;
            vm.UpdatedAt = now;
        }

        status.NodeId = lease.NodeId;
        status.Node = await db.Nodes.FindAsync([lease.NodeId], ct).ConfigureAwait(false);
        status.Epoch = lease.Epoch;
        status.ObservedAt = now;
        status.Revision++;
        OperationEntity? active = await db.FindActiveOperationAsync(vm.Id, ct).ConfigureAwait(false);
        db.AddEvent(EventTypes.VmStatusChanged, vm.ToContract(active?.Id), vm.ProjectId, now);
    }

    /// <summary>Sets the phase, and what is said about it.</summary>
    public static void SetPhase(VmStatusEntity status, VmPhase phase, string? reason = null, string? message = null)
    {
        status.Phase = phase;
        status.Reason = reason;
        status.Message = message;
    }

    /// <summary>The guest runs (or is paused) in this process.</summary>
    public static void SetGuest(VmStatusEntity status, VmPhase phase, HypervisorInstance instance)
    {
        SetPhase(status, phase);
        status.ProcessId = instance.Identity.ProcessId;
        status.ProcessStartTime = instance.Identity.StartTime;
        status.BootId = ProcessRecord.CurrentBootId;
        status.SocketPath = instance.Client.SocketPath;
    }

    /// <summary>The guest was started afresh from a machine of the VM's present definition.</summary>
    public static void SetStarted(VirtualMachineEntity vm, VmStatusEntity status, StartedMachine machine, DateTimeOffset at)
    {
        status.StartedFrom = machine.ToJson();
        status.ObservedGeneration = vm.Generation;
        status.StartedAt = at;
    }

    /// <summary>No guest is there any more.</summary>
    public static void SetEnded(VmStatusEntity status, VmPhase phase, string? reason, string? message)
    {
        SetPhase(status, phase, reason, message);
        status.ProcessId = null;
        status.ProcessStartTime = null;
        status.BootId = null;
        status.SocketPath = null;
        status.StartedFrom = null;
        status.StartedAt = null;
        status.RetiredInstructions = null;
        status.DebuggerAttached = false;
    }
}
