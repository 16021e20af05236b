using CloudVm.Contracts.Control;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Machines;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Reconciling;

/// <summary>
/// Moves a VM's process from whatever state it is in to a wanted one. Each method may be repeated at any time, also after a crash in
/// the middle of an earlier call.
/// </summary>
public sealed class PowerControl(VmProcesses processes, MachineBuilder machines, VmStatusStore statuses, TimeProvider time)
{
    private const int StartAttempts = 3;

    /// <summary>An orderly stop waits this long for vCPUs to reach safe points before the process is killed.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    /// <summary>The VM's live process with the lease's epoch imposed on it; null when none lives.</summary>
    /// <exception cref="HypervisorStartException">It lives but does not answer.</exception>
    public async Task<HypervisorInstance?> FindAsync(VmLease lease, CancellationToken ct)
    {
        if (await processes.FindAsync(lease.VmId, ct).ConfigureAwait(false) is not { } instance)
            return null;
        if (instance.Client.Epoch != lease.Epoch)
        {
            instance.Client.Epoch = lease.Epoch;
            try
            {
                await instance.Client.FenceAsync(ct).ConfigureAwait(false);
            }
            catch (HttpRequestException) when (!instance.Identity.IsAlive)
            {
                return null;
            }
        }

        return instance;
    }

    /// <summary>Lets the guest run: starts a process where there is none, starts or resumes the machine where it does not run.</summary>
    /// <returns>The process; null when the guest ran and has switched itself off already.</returns>
    /// <exception cref="OperationFailedException">The definition cannot be started; every reason is named.</exception>
    public async Task<HypervisorInstance?> RunAsync(VirtualMachineEntity vm, VmLease lease, CancellationToken ct)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await TryRunAsync(vm, lease, ct).ConfigureAwait(false);
            }
            catch (HttpRequestException failure)
            {
                await processes.KillAsync(lease.VmId, ct).ConfigureAwait(false);
                if (await processes.ReadEndAsync(lease.VmId).ConfigureAwait(false) is { End.Cause: VmEndCause.GuestPowerOff })
                    return null;

                // The process ended under the call: nothing that a guest had done is lost by taking another one.
                processes.Forget(lease.VmId);
                if (attempt == StartAttempts)
                    throw Failed("The Hypervisor process ended while the guest was being started", failure.Message, failure);
            }
        }
    }

    /// <summary>Ends the guest. Returns when the process is gone.</summary>
    /// <param name="lease">The VM's lease.</param>
    /// <param name="force">Kills at once, also a process that does not answer.</param>
    /// <param name="ct">Cancels.</param>
    public async Task StopAsync(VmLease lease, bool force, CancellationToken ct)
    {
        if (!force && await FindOrNullAsync(lease, ct).ConfigureAwait(false) is { } instance)
        {
            using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
            patience.CancelAfter(StopPatience);
            try
            {
                await instance.Client.StopAsync(force: false, patience.Token).ConfigureAwait(false);
                await instance.Process.Exited.WaitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (Exception unwilling) when (
                unwilling is HttpRequestException or HypervisorControlException or OperationCanceledException && !ct.IsCancellationRequested)
            {
                // Gone already, or hanging: the kill below settles both.
            }
        }

        await processes.KillAsync(lease.VmId, ct).ConfigureAwait(false);
    }

    /// <summary>Records that the guest was stopped on request, and how that went.</summary>
    public async Task RecordStopAsync(VmLease lease, StopVmResult result, CancellationToken ct)
    {
        VmEnd? end = (await processes.ReadEndAsync(lease.VmId).ConfigureAwait(false))?.End;
        await statuses.WriteAsync(lease, (_, status) =>
        {
            if (status.ProcessId is not null && end is not null)
            {
                status.LastExit = new VmExit
                {
                    Reason = result.Outcome == StopOutcome.Forced ? VmExitReason.Forced : VmExitReason.GuestPowerOff,
                    At = end.At,
                    Detail = result.Detail,
                    ConsoleTail = end.ConsoleTail,
                };
            }

            VmStatusStore.SetEnded(status, VmPhase.Stopped, null, null);
        }, ct).ConfigureAwait(false);
        processes.Forget(lease.VmId);
    }

    /// <summary>Ends a process whose machine never became a guest, and leaves no trace of it.</summary>
    public async Task DiscardAsync(Guid vmId, CancellationToken ct)
    {
        await processes.KillAsync(vmId, ct).ConfigureAwait(false);
        processes.Forget(vmId);
    }

    /// <summary>Gives the VM a process that is configured with its present definition but has not started.</summary>
    /// <exception cref="OperationFailedException">The Hypervisor refuses the definition.</exception>
    public async Task<(HypervisorInstance Instance, StartedMachine Machine)> ConfigureAsync(
        VirtualMachineEntity vm, VmLease lease, HypervisorInstance? idle, CancellationToken ct)
    {
        (MachineDefinition definition, StartedMachine machine) = await machines.BuildAsync(vm, ct).ConfigureAwait(false);
        HypervisorInstance instance = idle ?? await AssignAsync(lease, ct).ConfigureAwait(false);
        try
        {
            await instance.Client.ConfigureAsync(definition, ct).ConfigureAwait(false);
        }
        catch (HypervisorControlException refused)
        {
            await DiscardAsync(lease.VmId, ct).ConfigureAwait(false);
            throw FromControl(refused);
        }

        return (instance, machine);
    }

    /// <summary>The refusal of a Hypervisor process as a problem of the API, with all its reasons.</summary>
    public static OperationFailedException FromControl(HypervisorControlException refused) =>
        new(
            new Problem
            {
                Title = refused.Problem.Title,
                Status = refused.Problem.Status,
                Code = refused.Problem.Code switch
                {
                    ControlProtocol.ProblemCodes.InvalidDefinition => ProblemCodes.ValidationFailed,
                    ControlProtocol.ProblemCodes.InvalidState => ProblemCodes.InvalidState,
                    ControlProtocol.ProblemCodes.IncompatibleState or ControlProtocol.ProblemCodes.CorruptState => ProblemCodes.IncompatibleSnapshot,
                    _ => ProblemCodes.Internal,
                },
                Detail = refused.Problem.Detail,
                Errors = [.. refused.Problem.Errors.Select(reason => new ProblemReason(reason.Pointer, refused.Problem.Code, reason.Detail))],
            },
            refused);

    /// <summary>A failure that is nobody's request's fault.</summary>
    public static OperationFailedException Failed(string title, string detail, Exception? inner = null) =>
        new(new Problem { Title = title, Status = 500, Code = ProblemCodes.Internal, Detail = detail }, inner);

    private async Task<HypervisorInstance> TryRunAsync(VirtualMachineEntity vm, VmLease lease, CancellationToken ct)
    {
        HypervisorInstance? instance = await FindAsync(lease, ct).ConfigureAwait(false);
        MachineState state = instance is null
            ? MachineState.Idle
            : (await instance.Client.StatusAsync(ct).ConfigureAwait(false)).State;
        switch (state)
        {
            case MachineState.Running:
                break;
            case MachineState.Paused when vm.Status!.Phase == VmPhase.Restoring:
                // A restore that nobody completed: its disks are not the VM's, so its guest must not go on.
                await DiscardAsync(lease.VmId, ct).ConfigureAwait(false);
                return await StartAsync(vm, lease, idle: null, ct).ConfigureAwait(false);
            case MachineState.Paused:
                await instance!.Client.ResumeAsync(ct).ConfigureAwait(false);
                break;
            case MachineState.Restoring or MachineState.Configured:
                // An interrupted restore left no guest, an interrupted start may have an older definition: begin with a fresh process.
                await DiscardAsync(lease.VmId, ct).ConfigureAwait(false);
                return await StartAsync(vm, lease, idle: null, ct).ConfigureAwait(false);
            case MachineState.Exited:
                await instance!.Process.Exited.WaitAsync(ct).ConfigureAwait(false);
                processes.Forget(lease.VmId);
                return await StartAsync(vm, lease, idle: null, ct).ConfigureAwait(false);
            default:
                return await StartAsync(vm, lease, instance, ct).ConfigureAwait(false);
        }

        await statuses.WriteAsync(lease, (_, status) => VmStatusStore.SetGuest(status, VmPhase.Running, instance!), ct).ConfigureAwait(false);
        return instance!;
    }

    private async Task<HypervisorInstance> StartAsync(VirtualMachineEntity vm, VmLease lease, HypervisorInstance? idle, CancellationToken ct)
    {
        (HypervisorInstance instance, StartedMachine machine) = await ConfigureAsync(vm, lease, idle, ct).ConfigureAwait(false);

        // Written first: were the Worker killed after the start, its successor would find a running guest of an unknown definition.
        DateTimeOffset now = time.GetDatabaseNow();
        await statuses.WriteAsync(lease, (current, status) =>
        {
            VmStatusStore.SetGuest(status, VmPhase.Starting, instance);
            VmStatusStore.SetStarted(current, status, machine, now);
            status.ObservedGeneration = vm.Generation;
        }, ct).ConfigureAwait(false);
        try
        {
            await instance.Client.StartAsync(ct).ConfigureAwait(false);
        }
        catch (HypervisorControlException refused)
        {
            await DiscardAsync(lease.VmId, ct).ConfigureAwait(false);
            throw FromControl(refused);
        }

        await statuses.WriteAsync(lease, (_, status) => VmStatusStore.SetGuest(status, VmPhase.Running, instance), ct).ConfigureAwait(false);
        return instance;
    }

    private async Task<HypervisorInstance> AssignAsync(VmLease lease, CancellationToken ct)
    {
        HypervisorInstance instance = await processes.AssignAsync(lease.VmId, ct).ConfigureAwait(false);
        instance.Client.Epoch = lease.Epoch;
        return instance;
    }

    private async Task<HypervisorInstance?> FindOrNullAsync(VmLease lease, CancellationToken ct)
    {
        try
        {
            return await FindAsync(lease, ct).ConfigureAwait(false);
        }
        catch (HypervisorStartException)
        {
            return null; // Lives, but does not answer.
        }
    }
}
