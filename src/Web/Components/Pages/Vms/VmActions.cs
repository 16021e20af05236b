using CloudVm.Contracts.Access;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;

namespace CloudVm.Web.Components.Pages.Vms;

/// <summary>What can be done to a VM.</summary>
public enum VmAction
{
    Start,
    Stop,
    ForceStop,
    Pause,
    Resume,
    Reset,
    Snapshot,
    Restore,
    Delete,
    Edit,
}

/// <summary>Which actions make sense now. The API has the last word; this keeps buttons from promising what it would refuse.</summary>
public static class VmActions
{
    /// <summary>Why an action is not to be had, as a sentence for a tooltip, or null where it is.</summary>
    public static string? WhyNot(VmAction action, Vm vm, Operation? active, Role role)
    {
        if (role == Role.Viewer)
            return "Viewers cannot change virtual machines.";
        var phase = vm.Status.Phase;
        if (action == VmAction.ForceStop)
            return phase == VmPhase.Stopped && active is null ? "The virtual machine is stopped." : null;
        if (action is VmAction.Delete or VmAction.Edit)
            return null;
        if (active is not null)
            return "Another operation is under way.";

        return action switch
        {
            VmAction.Start when phase is not (VmPhase.Stopped or VmPhase.Crashed) => "The virtual machine is not stopped.",
            VmAction.Stop or VmAction.Reset or VmAction.Snapshot when phase is not (VmPhase.Running or VmPhase.Paused) =>
                "The virtual machine is not running.",
            VmAction.Pause when phase != VmPhase.Running => "The virtual machine is not running.",
            VmAction.Resume when phase != VmPhase.Paused => "The virtual machine is not paused.",
            _ => null,
        };
    }

    /// <summary>Whether the phase is on its way to another one.</summary>
    public static bool IsTransient(this VmPhase phase) => phase is VmPhase.Starting or VmPhase.Stopping or VmPhase.Restoring;
}
