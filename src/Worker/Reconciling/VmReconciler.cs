using CloudVm.Contracts.Control;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Nodes;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Reconciling;

/// <summary>
/// Compares what is wanted of one VM with what is there, and does the next step. Knows no history: every pass begins with the database,
/// the VM's files and its process, so it may be repeated after any crash.
/// </summary>
public sealed partial class VmReconciler(
    NodeIdentity node,
    NodePaths paths,
    LeaseKeeper leases,
    VmProcesses processes,
    PowerControl power,
    VmStatusStore statuses,
    OperationStore operations,
    VmOperationExecutor executor,
    FencedDatabase database,
    TimeProvider time,
    ILogger<VmReconciler> logger)
{
    private const int LongestBackoffSeconds = 60;

    /// <summary>A guest that ran this long had recovered: its next failure is a first one.</summary>
    private static readonly TimeSpan StableAfter = TimeSpan.FromMinutes(10);

    /// <summary>Makes one pass.</summary>
    /// <param name="vmId">The VM.</param>
    /// <param name="running">Is told of the operation under way, so that news can reach it.</param>
    /// <param name="ct">Cancelled when the Worker stops.</param>
    /// <returns>When to look again without being told: null for not before there is news.</returns>
    public async Task<TimeSpan?> ReconcileAsync(Guid vmId, Action<OperationRun?> running, CancellationToken ct)
    {
        VirtualMachineEntity? vm = await statuses.FindAsync(vmId, ct).ConfigureAwait(false);
        if (vm is null || vm.DeletedAt is not null || (vm.NodeId is { } pinned && pinned != node.Id))
        {
            await RemoveLocalAsync(vmId, ct).ConfigureAwait(false);
            return null;
        }

        if (vm.NodeId is null && !await MayAdoptAsync(vm, ct).ConfigureAwait(false))
            return null;
        if (await leases.EnsureAsync(vmId, ct).ConfigureAwait(false) is not { } lease)
            return null;
        try
        {
            bool answers = await ObserveAsync(lease, ct).ConfigureAwait(false);
            if (await operations.ClaimForVmAsync(lease, ct).ConfigureAwait(false) is { } operation)
            {
                await executor.RunAsync(operation, lease, running, ct).ConfigureAwait(false);
                return TimeSpan.Zero;
            }

            if (!answers)
                return TimeSpan.FromSeconds(2);
            return await ConvergeAsync(lease, ct).ConfigureAwait(false);
        }
        catch (LeaseLostException)
        {
            LogLeaseLost(vmId, lease.Epoch);
            leases.Drop(lease);
            return TimeSpan.FromSeconds(1);
        }
    }

    /// <summary>Attaches to the process, or records how it ended. False when it lives but does not answer.</summary>
    private async Task<bool> ObserveAsync(VmLease lease, CancellationToken ct)
    {
        try
        {
            if (await power.FindAsync(lease, ct).ConfigureAwait(false) is not null)
                return true;
        }
        catch (HypervisorStartException hanging)
        {
            LogNotAnswering(lease.VmId, hanging.Message);
            await statuses.WriteAsync(lease, (_, status) =>
            {
                status.Reason = "notAnswering";
                status.Message = hanging.Message;
            }, ct).ConfigureAwait(false);
            return false;
        }

        await RecordEndAsync(lease, ct).ConfigureAwait(false);
        return true;
    }

    /// <summary>Records how the VM's process ended and forgets it. False where there is no end that is not recorded yet.</summary>
    private async Task<bool> RecordEndAsync(VmLease lease, CancellationToken ct)
    {
        if (await processes.ReadEndAsync(lease.VmId).ConfigureAwait(false) is not { } ended)
            return false;
        await RecordEndAsync(lease, ended.Process, ended.End, ct).ConfigureAwait(false);
        processes.Forget(lease.VmId);
        return true;
    }

    private async Task RecordEndAsync(VmLease lease, ProcessRecord process, VmEnd end, CancellationToken ct)
    {
        LogEnded(lease.VmId, process.ProcessId, end.Reason, end.Detail);
        await statuses.WriteAsync(lease, (vm, status) =>
        {
            // A process that was assigned but whose guest had not begun is none of the owner's business.
            bool hadGuest = status.ProcessId == process.ProcessId && status.ProcessStartTime == process.StartTime;
            bool wasStable = status.StartedAt is { } started && end.At - started > StableAfter;
            if (hadGuest)
                status.LastExit = new VmExit { Reason = end.Reason, At = end.At, Detail = end.Detail, ConsoleTail = end.ConsoleTail };
            if (hadGuest && end.Cause == VmEndCause.Failure)
            {
                VmStatusStore.SetEnded(status, VmPhase.Crashed, EnumReason(end.Reason), end.Detail);
                if (wasStable)
                    status.RestartCount = 0;
                return;
            }

            VmStatusStore.SetEnded(status, VmPhase.Stopped, hadGuest ? EnumReason(end.Reason) : null, hadGuest ? end.Detail : null);
            if (hadGuest && end.Cause == VmEndCause.GuestPowerOff)
                vm.DesiredState = DesiredState.Stopped;
        }, ct).ConfigureAwait(false);
    }

    /// <summary>With no operation in the way, moves the VM to its desired state.</summary>
    private async Task<TimeSpan?> ConvergeAsync(VmLease lease, CancellationToken ct)
    {
        // Read anew: the passes above may have changed it, and so may the Api.
        VirtualMachineEntity vm = (await statuses.FindAsync(lease.VmId, ct).ConfigureAwait(false))!;
        VmStatusEntity status = vm.Status!;
        bool busy = await database.ReadAsync(
            async (db, token) => await db.FindActiveOperationAsync(vm.Id, token).ConfigureAwait(false) is not null, ct).ConfigureAwait(false);
        if (busy)
            return TimeSpan.FromSeconds(1); // Another VM is being forked from this one, or news is on its way.
        if (await PromoteAsync(vm.Id, ct).ConfigureAwait(false))
            return TimeSpan.Zero;

        HypervisorInstance? instance = await power.FindAsync(lease, ct).ConfigureAwait(false);

        // A process that ended since it was observed: the restart policy decides about its guest, not the wish that it should run.
        if (instance is null && await RecordEndAsync(lease, ct).ConfigureAwait(false))
            return TimeSpan.Zero;
        switch (vm.DesiredState)
        {
            case DesiredState.Stopped when instance is not null:
                await power.StopAsync(lease, force: false, ct).ConfigureAwait(false);
                return TimeSpan.Zero;
            case DesiredState.Stopped:
                if (status.Phase is not (VmPhase.Stopped or VmPhase.Crashed))
                    await statuses.WriteAsync(lease, (_, s) => VmStatusStore.SetEnded(s, VmPhase.Stopped, null, null), ct).ConfigureAwait(false);
                return null;
            case DesiredState.Running or DesiredState.Paused when instance is null && status.Phase == VmPhase.Crashed:
                if (vm.RestartPolicy == RestartPolicy.Never)
                    return null;
                TimeSpan wait = RestartAt(status) - time.GetUtcNow();
                if (wait > TimeSpan.Zero)
                    return wait;
                LogRestarting(vm.Id, status.RestartCount + 1);
                await statuses.WriteAsync(lease, (_, s) =>
                {
                    s.RestartCount++;
                    VmStatusStore.SetPhase(s, VmPhase.Starting, "restarting", "Restarted after a failure.");
                }, ct).ConfigureAwait(false);
                return TimeSpan.Zero;
            case DesiredState.Running:
                return await RunAsync(vm, lease, instance, ct).ConfigureAwait(false);
            default:
                return await PauseAsync(vm, lease, instance, ct).ConfigureAwait(false);
        }
    }

    private async Task<TimeSpan?> RunAsync(VirtualMachineEntity vm, VmLease lease, HypervisorInstance? instance, CancellationToken ct)
    {
        MachineStatus? machine = instance is null ? null : await instance.Client.StatusAsync(ct).ConfigureAwait(false);
        if (machine?.State == MachineState.Running && vm.Status!.Phase == VmPhase.Running && vm.Status.ProcessId == instance!.Identity.ProcessId)
            return null;
        try
        {
            await power.RunAsync(vm, lease, ct).ConfigureAwait(false);
            return null;
        }
        catch (OperationFailedException failure)
        {
            // Nobody waits for an answer, so the status carries it; the owner's next wish starts anew.
            LogCannotStart(vm.Id, failure.Message);
            await statuses.WriteAsync(lease, (_, status) =>
            {
                VmStatusStore.SetEnded(status, VmPhase.Crashed, "startFailure", failure.Message);
                status.LastExit = new VmExit { Reason = VmExitReason.StartFailure, At = time.GetDatabaseNow(), Detail = failure.Message };
            }, ct).ConfigureAwait(false);
            return TimeSpan.Zero;
        }
    }

    private async Task<TimeSpan?> PauseAsync(VirtualMachineEntity vm, VmLease lease, HypervisorInstance? instance, CancellationToken ct)
    {
        if (instance is null)
            return await RunAsync(vm, lease, instance: null, ct).ConfigureAwait(false) ?? TimeSpan.Zero;
        MachineStatus machine = await instance.Client.StatusAsync(ct).ConfigureAwait(false);
        if (machine.State == MachineState.Running)
            await instance.Client.PauseAsync(ct).ConfigureAwait(false);
        else if (machine.State != MachineState.Paused)
            return await RunAsync(vm, lease, instance, ct).ConfigureAwait(false) ?? TimeSpan.Zero;
        if (vm.Status!.Phase != VmPhase.Paused || vm.Status.ProcessId != instance.Identity.ProcessId)
            await statuses.WriteAsync(lease, (_, status) => VmStatusStore.SetGuest(status, VmPhase.Paused, instance), ct).ConfigureAwait(false);
        return null;
    }

    /// <summary>A VM of nobody's is adopted once it is wanted, by a node that takes new VMs.</summary>
    private async Task<bool> MayAdoptAsync(VirtualMachineEntity vm, CancellationToken ct) =>
        await database.ReadAsync(
            async (db, token) =>
                await db.Nodes.AnyAsync(n => n.Id == node.Id && !n.Cordoned, token).ConfigureAwait(false)
                && (vm.DesiredState != DesiredState.Stopped
                    || await db.FindActiveOperationAsync(vm.Id, token).ConfigureAwait(false) is not null),
            ct).ConfigureAwait(false);

    private Task<bool> PromoteAsync(Guid vmId, CancellationToken ct) =>
        database.WriteAsync((db, token) => db.PromoteNextAsync(vmId, token), ct);

    /// <summary>The VM is gone or another node's: nothing of it may stay here.</summary>
    private async Task RemoveLocalAsync(Guid vmId, CancellationToken ct)
    {
        await processes.KillAsync(vmId, ct).ConfigureAwait(false);
        processes.Forget(vmId);
        paths.ForVm(vmId).Delete();
    }

    private static DateTimeOffset RestartAt(VmStatusEntity status) =>
        (status.LastExit?.At ?? status.ObservedAt)
        + TimeSpan.FromSeconds(Math.Min(LongestBackoffSeconds, Math.Pow(2, Math.Min(status.RestartCount, 10))));

    private static string EnumReason(VmExitReason reason) => Storage.Conventions.EnumNames.Of(reason);
}
