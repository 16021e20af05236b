using CloudVm.Contracts;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Reconciling;
using CloudVm.Worker.Snapshots;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Operations;

/// <summary>
/// Carries out one operation on a VM and sees to it that it ends: well, with a problem, or cancelled. Only when the Worker stops, loses the
/// VM or the database stays away does it stay open, to be begun anew.
/// </summary>
public sealed partial class VmOperationExecutor(
    OperationStore store,
    PowerControl power,
    GuestShutdown shutdown,
    VmStatusStore statuses,
    TakeSnapshot takeSnapshot,
    RestoreSnapshot restoreSnapshot,
    ForkVm forkVm,
    DeleteVm deleteVm,
    TimeProvider time,
    ILogger<VmOperationExecutor> logger)
{
    /// <summary>Runs the operation to its end.</summary>
    /// <param name="operation">As claimed.</param>
    /// <param name="lease">The VM's lease.</param>
    /// <param name="running">Told of the run while it lasts.</param>
    /// <param name="ct">Cancelled when the Worker stops.</param>
    public async Task RunAsync(OperationEntity operation, VmLease lease, Action<OperationRun?> running, CancellationToken ct)
    {
        LogBegun(operation.Id, operation.Kind, lease.VmId, operation.Attempt);
        OperationStop stop;
        await using (OperationRun run = new(store, operation, lease, ct))
        {
            running(run);
            try
            {
                if (operation.State != OperationState.Cancelling && time.GetUtcNow() < operation.Deadline)
                {
                    await ExecuteAsync(run, lease).ConfigureAwait(false);
                    return;
                }

                stop = operation.State == OperationState.Cancelling ? OperationStop.Cancelled : OperationStop.Overdue;
            }
            catch (OperationCanceledException) when (run.Stop != OperationStop.None && !ct.IsCancellationRequested)
            {
                stop = run.Stop;
            }
            catch (OperationFailedException failure)
            {
                await FailAsync(operation, lease, failure.Problem, failure, ct).ConfigureAwait(false);
                return;
            }
            catch (HypervisorControlException refused)
            {
                await FailAsync(operation, lease, PowerControl.FromControl(refused).Problem, refused, ct).ConfigureAwait(false);
                return;
            }
            catch (Exception failure) when (IsFinal(failure, ct))
            {
                LogUnexpected(failure, operation.Id, operation.Kind);
                await FailAsync(operation, lease, Describe(failure), failure, ct).ConfigureAwait(false);
                return;
            }
            finally
            {
                running(null);
            }
        }

        await EndStoppedAsync(operation, lease, stop, ct).ConfigureAwait(false);
    }

    /// <summary>Whether trying again cannot help. A database that is away comes back, a stopping Worker has a successor.</summary>
    private static bool IsFinal(Exception failure, CancellationToken ct) =>
        failure is not LeaseLostException && !ct.IsCancellationRequested && !TransientFaults.IsTransient(failure);

    private static Problem Describe(Exception failure) => failure switch
    {
        HttpRequestException => new Problem
        {
            Title = "The guest ended meanwhile",
            Status = 409,
            Code = ProblemCodes.InvalidState,
            Detail = "The Hypervisor process ended, or stopped answering, while the operation was under way.",
        },
        HypervisorStartException => new Problem
        {
            Title = "No Hypervisor process could be started",
            Status = 503,
            Code = ProblemCodes.NodeUnavailable,
            Detail = failure.Message,
        },
        _ => new Problem { Title = "The operation failed", Status = 500, Code = ProblemCodes.Internal, Detail = failure.Message },
    };

    private Task ExecuteAsync(OperationRun run, VmLease lease) => run.Operation.Kind switch
    {
        OperationKind.VmStart => StartAsync(run, lease),
        OperationKind.VmStop => StopAsync(run, lease),
        OperationKind.VmPause => PauseAsync(run, lease),
        OperationKind.VmResume => ResumeAsync(run, lease),
        OperationKind.VmReset => ResetAsync(run, lease),
        OperationKind.VmSnapshot => takeSnapshot.RunAsync(run, lease),
        OperationKind.VmRestore or OperationKind.SnapshotRestore => restoreSnapshot.RunAsync(run, lease),
        OperationKind.VmFork => forkVm.RunAsync(run, lease),
        OperationKind.VmDelete => deleteVm.RunAsync(run, lease),
        _ => throw new InvalidOperationException($"{run.Operation.Kind} is no operation on a VM."),
    };

    private async Task StartAsync(OperationRun run, VmLease lease)
    {
        await run.ReportAsync(10, "startingProcess").ConfigureAwait(false);
        await statuses.WriteAsync(lease, (vm, status) =>
        {
            vm.DesiredState = DesiredState.Running;
            status.RestartCount = 0;
            if (status.Phase is VmPhase.Stopped or VmPhase.Crashed)
                VmStatusStore.SetPhase(status, VmPhase.Starting);
        }, run.Token).ConfigureAwait(false);
        VirtualMachineEntity vm = await FindAsync(lease, run.Token).ConfigureAwait(false);
        try
        {
            await power.RunAsync(vm, lease, run.Token).ConfigureAwait(false);
        }
        catch (OperationFailedException failure)
        {
            // What cannot start is not wanted running: otherwise every pass would try again.
            await statuses.WriteAsync(lease, (current, status) =>
            {
                current.DesiredState = DesiredState.Stopped;
                VmStatusStore.SetEnded(status, VmPhase.Stopped, "startFailure", failure.Message);
                status.LastExit = new VmExit { Reason = VmExitReason.StartFailure, At = time.GetDatabaseNow(), Detail = failure.Message };
            }, run.Token).ConfigureAwait(false);
            throw;
        }

        await run.SucceedAsync((_, _) => Task.FromResult<object?>(null)).ConfigureAwait(false);
    }

    private async Task StopAsync(OperationRun run, VmLease lease)
    {
        OperationRequests.Stop request = OperationStore.ReadRequest<OperationRequests.Stop>(run.Operation);
        await run.ReportAsync(10, request.Force ? "killing" : "askingGuest").ConfigureAwait(false);
        await statuses.WriteAsync(lease, (vm, status) =>
        {
            vm.DesiredState = DesiredState.Stopped;
            if (status.Phase is not (VmPhase.Stopped or VmPhase.Crashed))
                VmStatusStore.SetPhase(status, VmPhase.Stopping);
        }, run.Token).ConfigureAwait(false);
        StopVmResult result = await shutdown
            .StopAsync(lease, request.Force ? null : TimeSpan.FromSeconds(request.TimeoutSeconds), phase => run.ReportAsync(50, phase), run.Token)
            .ConfigureAwait(false);
        await power.RecordStopAsync(lease, result, run.Token).ConfigureAwait(false);
        await run.SucceedAsync((db, _) =>
        {
            db.AddEvent(
                EventTypes.VmStopped, new ResourceReference("vm", lease.VmId.ToString(), run.Operation.TargetName), run.Operation.ProjectId,
                lease.VmId, result, time.GetDatabaseNow());
            return Task.FromResult<object?>(result);
        }).ConfigureAwait(false);
    }

    private async Task PauseAsync(OperationRun run, VmLease lease)
    {
        HypervisorInstance instance = await DemandGuestAsync(run, lease).ConfigureAwait(false);
        await run.ReportAsync(50, "pausing").ConfigureAwait(false);
        await instance.Client.PauseAsync(run.Token).ConfigureAwait(false);
        await SettleAsync(run, lease, instance, DesiredState.Paused, VmPhase.Paused).ConfigureAwait(false);
    }

    private async Task ResumeAsync(OperationRun run, VmLease lease)
    {
        HypervisorInstance instance = await DemandGuestAsync(run, lease).ConfigureAwait(false);
        await run.ReportAsync(50, "resuming").ConfigureAwait(false);
        await instance.Client.ResumeAsync(run.Token).ConfigureAwait(false);
        await SettleAsync(run, lease, instance, DesiredState.Running, VmPhase.Running).ConfigureAwait(false);
    }

    private async Task ResetAsync(OperationRun run, VmLease lease)
    {
        HypervisorInstance instance = await DemandGuestAsync(run, lease).ConfigureAwait(false);
        await run.ReportAsync(50, "resetting").ConfigureAwait(false);
        MachineStatus machine = await instance.Client.ResetAsync(run.Token).ConfigureAwait(false);
        bool paused = machine.State == MachineState.Paused;
        await SettleAsync(
            run, lease, instance, paused ? DesiredState.Paused : DesiredState.Running, paused ? VmPhase.Paused : VmPhase.Running).ConfigureAwait(false);
    }

    /// <summary>Writes the reached state and the operation's end together.</summary>
    private async Task SettleAsync(OperationRun run, VmLease lease, HypervisorInstance instance, DesiredState desired, VmPhase phase) =>
        await run.SucceedAsync(async (db, token) =>
        {
            await statuses.ChangeAsync(db, lease, (vm, status) =>
            {
                vm.DesiredState = desired;
                VmStatusStore.SetGuest(status, phase, instance);
            }, token).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);

    private async Task<HypervisorInstance> DemandGuestAsync(OperationRun run, VmLease lease)
    {
        if (await power.FindAsync(lease, run.Token).ConfigureAwait(false) is { } instance
            && (await instance.Client.StatusAsync(run.Token).ConfigureAwait(false)).State is MachineState.Running or MachineState.Paused)
            return instance;
        throw OperationFailedException.InvalidState("The VM has no guest: it is not running.");
    }

    private async Task<VirtualMachineEntity> FindAsync(VmLease lease, CancellationToken ct) =>
        await statuses.FindAsync(lease.VmId, ct).ConfigureAwait(false)
        ?? throw OperationFailedException.InvalidState("The VM is gone.");

    private async Task EndStoppedAsync(OperationEntity operation, VmLease lease, OperationStop stop, CancellationToken ct)
    {
        LogStopped(operation.Id, operation.Kind, stop);
        if (operation.Kind is OperationKind.VmRestore or OperationKind.SnapshotRestore or OperationKind.VmFork)
            await restoreSnapshot.AbandonAsync(lease, ct).ConfigureAwait(false);
        if (stop == OperationStop.Cancelled)
            await store.CancelAsync(operation.Id, lease, ct).ConfigureAwait(false);
        else if (stop == OperationStop.Overdue)
            await store.FailAsync(
                operation.Id, lease,
                new Problem { Title = "The operation took too long", Status = 504, Code = ProblemCodes.DeadlineExceeded, Detail = $"Its deadline was {operation.Deadline:u}." },
                ct).ConfigureAwait(false);
    }

    private async Task FailAsync(OperationEntity operation, VmLease lease, Problem problem, Exception cause, CancellationToken ct)
    {
        LogFailed(operation.Id, operation.Kind, cause.Message);
        if (operation.Kind is OperationKind.VmRestore or OperationKind.SnapshotRestore or OperationKind.VmFork)
            await restoreSnapshot.AbandonAsync(lease, ct).ConfigureAwait(false);
        await store.FailAsync(operation.Id, lease, problem, ct).ConfigureAwait(false);
    }
}
