using CloudVm.Hypervisor.Kvm;

namespace CloudVm.Hypervisor.Machine;

/// <summary>The thread that runs one vCPU: it calls RUN, answers its exits, and stands still at safe points on demand.</summary>
/// <remarks>
/// Invariant: from the return of <see cref="WaitParked"/> to <see cref="Resume"/> the thread touches neither vCPU nor devices, and no
/// MMIO access is half done.
/// </remarks>
internal sealed class VcpuThread
{
    private enum Wish
    {
        Pause,
        Run,
        End,
    }

    private readonly object _gate = new();
    private readonly KvmVcpu _vcpu;
    private readonly GuestMachine _machine;
    private readonly Thread _thread;
    private Wish _wish = Wish.Pause;
    private bool _parked;

    public VcpuThread(KvmVcpu vcpu, GuestMachine machine)
    {
        _vcpu = vcpu;
        _machine = machine;
        const int StackBytes = 512 * 1024;
        _thread = new Thread(Loop, StackBytes) { IsBackground = true, Name = $"vcpu{vcpu.Index}" };
        _thread.Start();
    }

    /// <summary>Lets the vCPU run.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            _wish = Wish.Run;
            _parked = false;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Asks for a stop at the next safe point; <see cref="WaitParked"/> waits for it.</summary>
    public void RequestPause() => Ask(Wish.Pause);

    /// <summary>Asks the thread to end at the next safe point.</summary>
    public void RequestEnd() => Ask(Wish.End);

    /// <summary>Waits until the thread stands still or has ended.</summary>
    public void WaitParked()
    {
        lock (_gate)
        {
            while (!_parked)
                Monitor.Wait(_gate);
        }
    }

    private void Ask(Wish wish)
    {
        lock (_gate)
        {
            if (_wish == Wish.End)
                return;
            _wish = wish;
            Monitor.PulseAll(_gate);
        }

        _vcpu.Kick();
    }

    private void Loop()
    {
        try
        {
            while (Await())
                RunOnce();
        }
        catch (Exception e)
        {
            _machine.OnVcpuCrashed(_vcpu.Index, e);
        }

        lock (_gate)
        {
            _wish = Wish.End;
            _parked = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until the vCPU may run; false when the thread shall end.</summary>
    private bool Await()
    {
        lock (_gate)
        {
            if (_wish == Wish.Run)
                return true;
        }

        // Paused: an access that the devices have answered but the vCPU not taken would be lost from saved state.
        if (_vcpu.HasPendingMmio)
        {
            _vcpu.RunState.ImmediateExit = true;
            _vcpu.Run();
            _vcpu.RunState.ImmediateExit = false;
        }

        lock (_gate)
        {
            while (_wish == Wish.Pause)
            {
                if (!_parked)
                {
                    _parked = true;
                    Monitor.PulseAll(_gate);
                }

                Monitor.Wait(_gate);
            }

            return _wish == Wish.Run;
        }
    }

    private void RunOnce()
    {
        var result = _vcpu.Run();
        if (result == Errno.EINTR)
            return;
        var run = _vcpu.RunState;
        if (result != Errno.Ok)
        {
            _machine.OnGuestError($"vCPU {_vcpu.Index}: RUN failed with {result}. {run.Detail}");
            StandStill();
            return;
        }

        switch (run.ExitReason)
        {
            case KvmExitReason.Mmio:
                _machine.HandleMmio(run);
                break;
            case KvmExitReason.SystemEvent:
                _machine.OnSystemEvent(run.SystemEvent);
                break;
            case KvmExitReason.Debug:
                _machine.OnDebugStop(_vcpu.Index, run);
                StandStill();
                break;
            default:
                throw new InvalidOperationException($"RUN of vCPU {_vcpu.Index} exited with {run.ExitReason}.");
        }
    }

    /// <summary>Goes on only when told so, and says so to nobody.</summary>
    private void StandStill()
    {
        lock (_gate)
        {
            if (_wish == Wish.Run)
                _wish = Wish.Pause;
        }
    }
}
