using CloudVm.Contracts.Control;
using CloudVm.Contracts.Vms;

namespace CloudVm.Worker.Supervision;

/// <summary>How the process of a VM ended, put together from what it wrote and what the kernel told.</summary>
/// <param name="Cause">What follows from it.</param>
/// <param name="Reason">The reason shown to the VM's owner.</param>
/// <param name="Detail">In words.</param>
/// <param name="At">When; for a killed process, when it was noticed.</param>
/// <param name="ConsoleTail">The last lines the guest printed.</param>
public sealed record VmEnd(VmEndCause Cause, VmExitReason Reason, string Detail, DateTimeOffset At, IReadOnlyList<string> ConsoleTail)
{
    private const int TailLines = 20;

    /// <summary>Reads the end of the process that <paramref name="record"/> names.</summary>
    /// <param name="directory">The VM's files.</param>
    /// <param name="record">The process.</param>
    /// <param name="exit">What the kernel told its parent, if this Worker was that.</param>
    /// <param name="now">Stands for the time of an end that left no record.</param>
    public static VmEnd Read(VmDirectory directory, ProcessRecord record, ProcessExit exit, DateTimeOffset now)
    {
        IReadOnlyList<string> tail = directory.ReadConsoleTail(TailLines);
        if (directory.ReadExit(record.Identity) is not { } written)
        {
            return record.IsFromEarlierBoot
                ? new VmEnd(VmEndCause.NodeStopped, VmExitReason.HypervisorKilled, "The node was restarted.", now, tail)
                : new VmEnd(VmEndCause.Failure, VmExitReason.HypervisorKilled, $"The Hypervisor process was {exit.Describe()}.", now, tail);
        }

        (VmEndCause cause, VmExitReason reason, string fallback) = written.Reason switch
        {
            MachineExitReason.GuestOff => (VmEndCause.GuestPowerOff, VmExitReason.GuestPowerOff, "The guest switched itself off."),
            MachineExitReason.Stopped => (VmEndCause.Stopped, VmExitReason.Stopped, "Stopped."),
            MachineExitReason.Terminated => (VmEndCause.NodeStopped, VmExitReason.Stopped, "The node was shut down."),
            MachineExitReason.GuestResetLoop => (VmEndCause.Failure, VmExitReason.GuestFailure, "The guest reset itself over and over."),
            MachineExitReason.GuestError => (VmEndCause.Failure, VmExitReason.GuestFailure, "The guest could not go on."),
            _ => (VmEndCause.Failure, VmExitReason.HypervisorCrash, "The Hypervisor failed."),
        };
        return new VmEnd(cause, reason, written.Detail ?? fallback, written.Time, tail);
    }
}

/// <summary>What an end means for the desired state.</summary>
public enum VmEndCause
{
    /// <summary>The guest's own wish: the VM is to stay stopped.</summary>
    GuestPowerOff,

    /// <summary>An operation stopped it.</summary>
    Stopped,

    /// <summary>The node went down; what was desired still is.</summary>
    NodeStopped,

    /// <summary>The restart policy decides.</summary>
    Failure,
}
