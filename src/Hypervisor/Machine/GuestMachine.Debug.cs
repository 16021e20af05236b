using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Machine;

/// <summary>
/// What a debugger may do. It holds the machine still without changing <see cref="State"/>, which is its owner's: vCPUs run when the
/// state is Running and the debugger lets them, so both may stop and go in any order.
/// </summary>
public sealed partial class GuestMachine : IDebugTarget
{
    /// <summary>vCPUs that the debugger keeps still while others go on; null for none.</summary>
    private bool[]? _kept;

    private bool _held;

    /// <summary>A vCPU has stopped for the debugger, which has not held the machine yet.</summary>
    private volatile bool _stopReported;

    /// <summary>vCPU threads, clock and devices stand still.</summary>
    private bool _halted = true;

    /// <inheritdoc/>
    public event Action<DebugStop>? Stopped;

    IReadOnlyList<KvmVcpu> IDebugTarget.Vcpus => _vcpus;

    Task IDebugTarget.End => Ended;

    private bool IsHeldByDebugger => _held || _stopReported;

    /// <inheritdoc/>
    public void Hold()
    {
        lock (_gate)
        {
            _held = true;
            if (State == MachineState.Running)
                Halt();
        }
    }

    /// <inheritdoc/>
    public void Continue(IReadOnlyList<DebugAction> actions, DebugControls controls)
    {
        lock (_gate)
        {
            if (!_held || State == MachineState.Exited)
                return;
            for (var index = 0; index < _vcpus.Count; index++)
                _vcpus[index].SetGuestDebug(new KvmGuestDebug(actions[index] == DebugAction.Step, controls));
            LetGo([.. actions.Select(static action => action == DebugAction.Stay)]);
        }
    }

    /// <inheritdoc/>
    public void Release(bool leavePaused)
    {
        lock (_gate)
        {
            if (State == MachineState.Exited)
                return;
            _held = true;
            if (State == MachineState.Running)
                Halt();
            foreach (var vcpu in _vcpus)
                vcpu.SetGuestDebug(KvmGuestDebug.Off);
            if (leavePaused && State == MachineState.Running)
                State = MachineState.Paused;
            LetGo(null);
        }
    }

    /// <inheritdoc/>
    public bool TryInspect(Action action)
    {
        lock (_gate)
        {
            if (!_held || State is MachineState.Exited or MachineState.Restoring)
                return false;
            action();
            return true;
        }
    }

    string? IDebugTarget.Reset()
    {
        try
        {
            Reset();
            return null;
        }
        catch (Exception e) when (e is BootException or MachineStateException)
        {
            return e.Message;
        }
    }

    internal void OnDebugStop(int vcpu, KvmRun run)
    {
        _stopReported = true;
        Stopped?.Invoke(new DebugStop(vcpu, run.DebugStop, run.DebugAddress));
    }

    private bool MayRun(VcpuThread thread) => _kept is null || !_kept[_threads.IndexOf(thread)];

    private void LetGo(bool[]? kept)
    {
        _kept = kept;
        _held = false;
        _stopReported = false;
        if (State == MachineState.Running)
            Run();
    }
}
