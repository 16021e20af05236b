using CloudVm.Contracts.Events;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Operations;

/// <summary>Deletes a VM: its guest, its schedules and its files. Its snapshots stay.</summary>
public sealed class DeleteVm(VmProcesses processes, PasstProcesses passts, NodePaths paths, LeaseKeeper leases, TimeProvider time)
{
    /// <summary>Carries out the operation.</summary>
    public async Task RunAsync(OperationRun run, VmLease lease)
    {
        await run.ReportAsync(20, "endingGuest").ConfigureAwait(false);
        await processes.KillAsync(lease.VmId, run.Token).ConfigureAwait(false);
        processes.Forget(lease.VmId);

        await run.ReportAsync(60, "deleting").ConfigureAwait(false);
        await run.SucceedAsync(async (db, token) =>
        {
            DateTimeOffset now = time.GetDatabaseNow();
            VirtualMachineEntity vm = await db.VirtualMachines.WithDetails().FirstAsync(v => v.Id == lease.VmId, token).ConfigureAwait(false);
            vm.DeletedAt = now;
            vm.UpdatedAt = now;
            vm.Revision++;
            Reconciling.VmStatusStore.SetEnded(vm.Status!, Contracts.Vms.VmPhase.Stopped, null, null);
            vm.Status!.ObservedAt = now;
            db.AddEvent(EventTypes.VmDeleted, vm.ToContract(operationId: null), vm.ProjectId, now);
            await db.SnapshotSchedules.Where(schedule => schedule.VmId == vm.Id).ExecuteDeleteAsync(token).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);

        // After the commit: were the Worker killed before, its successor would still find and finish all of it.
        leases.Drop(lease);
        await passts.EndAsync(lease.VmId, run.Token).ConfigureAwait(false);
        paths.ForVm(lease.VmId).Delete();
    }
}
