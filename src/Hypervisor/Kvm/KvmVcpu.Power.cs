namespace CloudVm.Hypervisor.Kvm;

/// <summary>Power transitions by PSCI.</summary>
public sealed unsafe partial class KvmVcpu
{
    private readonly Lock _resetGate = new();
    private (ulong Entry, ulong Context)? _pendingReset;
    private volatile bool _resetRequested;

    internal bool HasRun => _hasRun;

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

        ResetRegisters();
        _context->Pc = reset.Entry;
        _context->X[0] = reset.Context;
    }
}
