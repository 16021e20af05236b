using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary><c>struct kvm_vcpu_events</c>: exceptions that are pending or to be injected.</summary>
/// <param name="SErrorPending">A virtual SError waits for PSTATE.A.</param>
/// <param name="SErrorHasEsr"><paramref name="SErrorEsr"/> is its syndrome; only on hosts with FEAT_RAS.</param>
/// <param name="ExternalAbortPending">SET takes a synchronous external data abort at once; GET never reports it.</param>
public readonly record struct KvmVcpuEvents(bool SErrorPending, bool SErrorHasEsr, bool ExternalAbortPending, ulong SErrorEsr);

/// <summary>KVM_GET_VCPU_EVENTS and KVM_SET_VCPU_EVENTS.</summary>
public sealed unsafe partial class KvmVcpu
{
    /// <summary>FAR_EL2 of the last data abort that came to the hypervisor.</summary>
    private ulong _faultAddress;

    /// <summary>KVM_GET_VCPU_EVENTS.</summary>
    public Errno GetEvents(out KvmVcpuEvents events)
    {
        var isPending = _context->VirtualSError != 0;
        var hasEsr = _vm.Host.Profile.Facts.Ras;
        events = new(isPending, hasEsr, false, isPending && hasEsr ? _context->VsesrEl2 : 0);
        return _initialized ? Errno.Ok : Errno.ENOEXEC;
    }

    /// <summary>
    /// KVM_SET_VCPU_EVENTS. A failure changes nothing. As in the kernel, a pending SError cannot be taken back. Null stands for a pointer that
    /// cannot be read.
    /// </summary>
    public Errno SetEvents(KvmVcpuEvents? wanted)
    {
        const ulong IssMask = 0x1ff_ffff;
        const uint ImplementationDefined = 1 << 24; // what an SError without syndrome gets
        var hasRas = _vm.Host.Profile.Facts.Ras;
        if (!_initialized)
            return Errno.ENOEXEC;
        if (wanted is not { } events)
            return Errno.EFAULT;
        if (events.SErrorPending && events.SErrorHasEsr && (!hasRas || (events.SErrorEsr & ~IssMask) != 0))
            return Errno.EINVAL;
        ApplyPendingReset();
        if (events.SErrorPending)
        {
            _context->VirtualSError = 1;
            _context->VsesrEl2 = !hasRas ? 0 : events.SErrorHasEsr ? (uint)events.SErrorEsr : ImplementationDefined;
        }

        if (events.ExternalAbortPending)
        {
            // In place of the answer to an MMIO exit: the access never happens.
            _mmioPending = false;
            _pstateAsWritten = null;
            InjectExternalAbort(_context, isFetch: false, _faultAddress);
        }

        return Errno.Ok;
    }

    /// <summary>kvm_inject_dabt and kvm_inject_pabt: a synchronous external abort, not on a table walk.</summary>
    private static void InjectExternalAbort(CpuState* cpu, bool isFetch, ulong far)
    {
        const uint SynchronousExternalAbort = 0x10;
        var exceptionClass = isFetch ? ExceptionClass.InstructionAbortLower : ExceptionClass.DataAbortLower;
        ExceptionEntry.TakeToEl1(cpu, exceptionClass + (cpu->El == 0 ? 0u : 1), SynchronousExternalAbort, 1, far, cpu->Pc);
    }
}
