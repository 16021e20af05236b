using CloudVm.Contracts.Control;
using CloudVm.Contracts.Vms;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Reconciling;

/// <summary>Stops a guest as politely as it allows: asks it, waits, then forces it, and says which it was.</summary>
public sealed class GuestShutdown(PowerControl power, VmProcesses processes, TimeProvider time)
{
    /// <summary>A guest that boots may still set itself up to listen; one that has not by then is not waited for.</summary>
    private static readonly TimeSpan ListenGrace = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);

    /// <summary>Ends the guest. Returns when its process is gone.</summary>
    /// <param name="lease">The VM's lease.</param>
    /// <param name="timeout">How long the guest may take to shut down; null forces it at once.</param>
    /// <param name="report">Told the phase when it changes.</param>
    /// <param name="ct">Cancels; the guest may then have been asked.</param>
    public async Task<StopVmResult> StopAsync(VmLease lease, TimeSpan? timeout, Func<string, Task> report, CancellationToken ct)
    {
        if (timeout is not { } patience)
            return await ForceAsync(lease, force: true, "Forced on request.", ct).ConfigureAwait(false);
        HypervisorInstance? instance;
        try
        {
            instance = await power.FindAsync(lease, ct).ConfigureAwait(false);
        }
        catch (HypervisorStartException)
        {
            return await ForceAsync(lease, force: true, "The Hypervisor process did not answer.", ct).ConfigureAwait(false);
        }

        string? refusal = null;
        if (instance is not null)
        {
            refusal = await AskAsync(instance, patience, ct).ConfigureAwait(false);
            if (refusal is not null)
                await report("forcing").ConfigureAwait(false);
        }

        return await ForceAsync(lease, force: false, refusal, ct).ConfigureAwait(false);
    }

    /// <summary>Asks the guest and waits for its end.</summary>
    /// <returns>Null when its process has ended; else why it must be forced.</returns>
    private async Task<string?> AskAsync(HypervisorInstance instance, TimeSpan patience, CancellationToken ct)
    {
        long begun = time.GetTimestamp();
        bool? listenedWhenAsked = null;
        try
        {
            MachineStatus machine = await instance.Client.StatusAsync(ct).ConfigureAwait(false);
            if (machine.State == MachineState.Paused)
                machine = await instance.Client.ResumeAsync(ct).ConfigureAwait(false); // it cannot hear while it stands still
            if (machine.State is not (MachineState.Running or MachineState.Exited))
                return "There was no guest to ask.";
            while (machine.State != MachineState.Exited)
            {
                // Asked again once it listens: a press that nobody saw is lost.
                if (listenedWhenAsked is null || (listenedWhenAsked == false && machine.ListensForShutdown))
                {
                    listenedWhenAsked = machine.ListensForShutdown;
                    await instance.Client.PressPowerButtonAsync(ct).ConfigureAwait(false);
                }

                TimeSpan left = (listenedWhenAsked.Value || patience < ListenGrace ? patience : ListenGrace) - time.GetElapsedTime(begun);
                if (left <= TimeSpan.Zero)
                {
                    return listenedWhenAsked.Value
                        ? $"The guest was asked to shut down and had not after {patience.TotalSeconds:0} seconds."
                        : "The guest listens neither to its power button nor to the agent's console port.";
                }

                if (await EndsWithinAsync(instance, left < LookInterval ? left : LookInterval, ct).ConfigureAwait(false))
                    return null;
                machine = await instance.Client.StatusAsync(ct).ConfigureAwait(false);
            }

            return await EndsWithinAsync(instance, ListenGrace, ct).ConfigureAwait(false) ? null : "Its process did not go away.";
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or HypervisorControlException)
        {
            // Mostly the guest's end itself; the kernel says so in a moment.
            return await EndsWithinAsync(instance, ListenGrace, ct).ConfigureAwait(false)
                ? null
                : $"The Hypervisor process could not ask it: {unreachable.Message}";
        }
    }

    private async Task<bool> EndsWithinAsync(HypervisorInstance instance, TimeSpan limit, CancellationToken ct)
    {
        try
        {
            await instance.Process.Exited.WaitAsync(limit, time, ct).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Ends what is left and reads how the process ended: a guest may have shut down at the very last moment.</summary>
    private async Task<StopVmResult> ForceAsync(VmLease lease, bool force, string? reason, CancellationToken ct)
    {
        await power.StopAsync(lease, force, ct).ConfigureAwait(false);
        VmEnd? end = (await processes.ReadEndAsync(lease.VmId).ConfigureAwait(false))?.End;
        return end switch
        {
            null => new StopVmResult { Outcome = StopOutcome.NotRunning, Detail = "There was no guest." },
            { Cause: VmEndCause.GuestPowerOff } => new StopVmResult { Outcome = StopOutcome.GuestShutDown, Detail = "The guest shut down by itself." },
            _ => new StopVmResult { Outcome = StopOutcome.Forced, Detail = reason ?? $"The guest did not shut down: {end.Detail}" },
        };
    }
}
