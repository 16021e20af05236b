using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Debugging;

/// <summary>A vCPU stopped by itself, because of what the debugger asked for.</summary>
/// <param name="Vcpu">Its number.</param>
/// <param name="Address">A breakpoint's address or the watched byte that is accessed; 0 after a step.</param>
public readonly record struct DebugStop(int Vcpu, KvmDebugStop Kind, ulong Address);

/// <summary>What a vCPU does when the debugger lets the machine go on.</summary>
public enum DebugAction
{
    /// <summary>Stands still.</summary>
    Stay,

    /// <summary>Runs until something stops the machine.</summary>
    Run,

    /// <summary>Executes one instruction, which stops the machine.</summary>
    Step,
}

/// <summary>A machine as its debugger sees it: all vCPUs stop and go together.</summary>
/// <remarks>Thread: any; one debugger at a time.</remarks>
public interface IDebugTarget
{
    /// <summary>Raised on a vCPU's thread, which then stands still; the debugger answers with <see cref="Hold"/>.</summary>
    event Action<DebugStop>? Stopped;

    /// <summary>The vCPUs in order of their numbers. Their state may be looked at within <see cref="TryInspect"/> only.</summary>
    IReadOnlyList<KvmVcpu> Vcpus { get; }

    GuestMemory Memory { get; }

    /// <summary>Completes when the machine has ended.</summary>
    Task End { get; }

    /// <summary>Stops every vCPU at a safe point, and guest time, until <see cref="Continue"/> or <see cref="Release"/>. Harmless when stopped.</summary>
    void Hold();

    /// <summary>
    /// Lets a held machine go on, with one action per vCPU. A machine that its owner has paused or not started yet goes on when its owner
    /// lets it.
    /// </summary>
    /// <param name="controls">Where to stop.</param>
    void Continue(IReadOnlyList<DebugAction> actions, Execute.DebugControls controls);

    /// <summary>The debugger goes away: nothing stops the guest any more.</summary>
    /// <param name="leavePaused">Whether the machine then is paused, for its owner to resume; else it runs if it ran before.</param>
    void Release(bool leavePaused);

    /// <summary>Runs <paramref name="action"/> while nothing changes the machine. False, without running it, unless the machine is held.</summary>
    bool TryInspect(Action action);

    /// <summary>Power-cycles the machine; it stays held.</summary>
    /// <returns>Null, or why it cannot be reset.</returns>
    string? Reset();
}
