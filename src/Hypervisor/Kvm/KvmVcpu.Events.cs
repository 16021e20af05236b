using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary><c>struct kvm_vcpu_events</c>: exceptions that are pending or to be injected.</summary>
/// <param name="SErrorPending">A virtual SError waits for PSTATE.A.</param>
/// <param name="SErrorHasEsr"><paramref name="SErrorEsr"/> is its syndrome; only with FEAT_RAS, which no host here has.</param>
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
        events = new(_context->VirtualSError != 0, false, false, 0);
        return _initialized ? Errno.Ok : Errno.ENOEXEC;
    }

    /// <summary>KVM_SET_VCPU_EVENTS. A failure changes nothing. As in the kernel, a pending SError cannot be taken back.</summary>
    public Errno SetEvents(in KvmVcpuEvents events)
    {
        if (!_initialized)
            return Errno.ENOEXEC;
        if (events.SErrorPending && events.SErrorHasEsr)
            return Errno.EINVAL;
        ApplyPendingReset();
        if (events.SErrorPending)
            _context->VirtualSError = 1;
        if (events.ExternalAbortPending)
        {
            // In place of the answer to an MMIO exit: the access never happens.
            _mmioPending = false;
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
