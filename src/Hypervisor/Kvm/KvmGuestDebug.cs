using CloudVm.Hypervisor.Execute;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// What KVM_SET_GUEST_DEBUG asks of a vCPU. Unlike the kernel's <c>struct kvm_guest_debug</c> it names addresses instead of borrowing
/// the CPU's debug registers: there is no limit to their number, and the guest keeps its own.
/// </summary>
/// <param name="SingleStep">
/// KVM_GUESTDBG_SINGLESTEP: RUN exits after one instruction. Interrupts wait meanwhile, so that a step does not end in a handler.
/// </param>
/// <param name="Controls">Breakpoints and watchpoints.</param>
public sealed record KvmGuestDebug(bool SingleStep, DebugControls Controls)
{
    /// <summary>Nobody debugs the guest.</summary>
    public static KvmGuestDebug Off { get; } = new(false, DebugControls.None);
}

/// <summary>Why RUN returned with <see cref="KvmExitReason.Debug"/>.</summary>
public enum KvmDebugStop
{
    /// <summary>A single step is done. PC is where the guest would go on.</summary>
    Step,

    /// <summary>PC is at a breakpoint, whose instruction has not been executed.</summary>
    Breakpoint,

    /// <summary>The instruction at PC, which has not been executed, reads watched memory.</summary>
    WatchedRead,

    /// <summary>The instruction at PC, which has not been executed, writes watched memory.</summary>
    WatchedWrite,
}
