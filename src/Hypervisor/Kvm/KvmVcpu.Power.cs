namespace CloudVm.Hypervisor.Kvm;

/// <summary>KVM_MP_STATE_*, of which the others do not concern Arm.</summary>
public enum KvmMpState : uint
{
    Runnable = 0,
    Stopped = 5,
    Suspended = 10,
}

/// <summary>Power transitions, by PSCI and by KVM_SET_MP_STATE.</summary>
public sealed unsafe partial class KvmVcpu
{
    private readonly Lock _resetGate = new();
    private (ulong Entry, ulong Context)? _pendingReset;
    private volatile bool _resetRequested;

    /// <summary>KVM_MP_STATE_SUSPENDED: RUN waits for an interrupt and reports it, again and again.</summary>
    internal bool Suspended { get; private set; }

    /// <summary>Whether INIT asked for PSCI 0.2 or later.</summary>
    internal bool HasPsci => (_features & KvmVcpuFeatures.Psci02) != 0;

    /// <summary>
    /// PSCI CPU_ON. The registers are reset by the vCPU's own thread at its next run, because that thread may still be on its way out;
    /// the vector lengths and the storage of the SVE state stay as they are.
    /// </summary>
    internal void PowerOn(ulong entry, ulong context)
    {
        lock (_resetGate)
        {
            _pendingReset = (entry, context);
            _resetRequested = true;
            PoweredOff = false;
        }

        _parker.Wake();
    }

    /// <summary>KVM_GET_MP_STATE, which needs no INIT.</summary>
    public Errno GetMpState(out KvmMpState state)
    {
        state = PoweredOff ? KvmMpState.Stopped : Suspended ? KvmMpState.Suspended : KvmMpState.Runnable;
        return Errno.Ok;
    }

    /// <summary>KVM_SET_MP_STATE. Null stands for a pointer that cannot be read.</summary>
    public Errno SetMpState(KvmMpState? state)
    {
        switch (state)
        {
            case null:
                return Errno.EFAULT;
            case KvmMpState.Runnable:
                PoweredOff = Suspended = false;
                break;
            case KvmMpState.Stopped:
                PoweredOff = true;
                Suspended = false;
                break;
            case KvmMpState.Suspended when _vm.Abi.HasSuspendedState:
                PoweredOff = false;
                Suspended = true;
                break;
            default:
                return Errno.EINVAL;
        }

        _parker.Wake();
        return Errno.Ok;
    }

    private void ForgetPendingReset()
    {
        lock (_resetGate)
        {
            _pendingReset = null;
            _resetRequested = false;
        }
    }

    /// <summary>Carries out a reset that CPU_ON left pending (KVM_REQ_VCPU_RESET).</summary>
    private void ApplyPendingReset()
    {
        (ulong Entry, ulong Context) reset;
        lock (_resetGate)
        {
            if (_pendingReset is not { } pending)
                return;
            reset = pending;
            ForgetPendingReset();
        }

        ResetVcpu();
        _context->Pc = reset.Entry;
        _context->X[0] = reset.Context;
    }
}
