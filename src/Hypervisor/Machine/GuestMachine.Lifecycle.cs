using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Disks;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Snapshots;

namespace CloudVm.Hypervisor.Machine;

/// <summary>Lifecycle: start, pause, resume, reset, end, save and restore; and what vCPU threads report.</summary>
public sealed partial class GuestMachine
{
    /// <summary>What asks an agent in the guest to shut it down.</summary>
    private const string ShutdownLine = "cloudvm:shutdown";

    /// <summary>Runs a configured machine.</summary>
    /// <exception cref="MachineStateException">It is neither configured nor running.</exception>
    public void Start()
    {
        lock (_gate)
        {
            if (State == MachineState.Running)
                return;
            Require(MachineState.Configured, "started");
            Run();
        }
    }

    /// <summary>Stops all vCPUs at safe points and stops time.</summary>
    public void Pause()
    {
        lock (_gate)
        {
            if (State == MachineState.Paused)
                return;
            Require(MachineState.Running, "paused");
            Halt();
            State = MachineState.Paused;
        }
    }

    /// <summary>Lets a paused machine run on.</summary>
    public void Resume()
    {
        lock (_gate)
        {
            if (State == MachineState.Running)
                return;
            Require(MachineState.Paused, "resumed");
            Run();
        }
    }

    /// <summary>Power-cycles the machine. It runs afterwards if it ran before, and is paused if it was paused.</summary>
    /// <exception cref="BootException">The boot files cannot be loaded any more; the machine has then ended.</exception>
    public void Reset()
    {
        lock (_gate)
        {
            var wasRunning = State == MachineState.Running;
            if (!wasRunning)
                Require(MachineState.Paused, "reset");
            ResetLocked(wasRunning);
        }
    }

    /// <summary>Asks the guest to shut down by every way that it may listen to.</summary>
    /// <exception cref="MachineStateException">It does not run, so it could not answer.</exception>
    public void PressPowerButton()
    {
        lock (_gate)
        {
            Require(MachineState.Running, "asked to shut down");
            _powerButton.Press();
            _virtio.Console.SendAgentLine(ShutdownLine);
        }
    }

    /// <summary>Asks the guest to give up <paramref name="targetBytes"/> of its memory, a multiple of 4 KiB within it.</summary>
    /// <exception cref="MachineStateException">The machine is being restored or has ended.</exception>
    public void SetBalloon(long targetBytes)
    {
        lock (_gate)
        {
            if (State is MachineState.Restoring or MachineState.Exited)
                throw new MachineStateException(State, "asked to give up memory");
            _virtio.Balloon.TargetBytes = targetBytes;
        }
    }

    /// <summary>Ends the machine; the first reason stands.</summary>
    public void End(MachineExit exit)
    {
        lock (_gate)
            EndLocked(exit);
    }

    /// <summary>Saved state without memory. The machine must be paused.</summary>
    public byte[] SaveState()
    {
        lock (_gate)
        {
            Require(MachineState.Paused, "saved");
            return MachineStateFile.Write(_parts);
        }
    }

    /// <summary>Clears memory, prepares new overlays for the disks, and waits for chunks, blocks and state.</summary>
    /// <param name="disks">Where each disk's new overlay is to be.</param>
    /// <exception cref="MachineDefinitionException">They are not the machine's disks; nothing has changed.</exception>
    /// <exception cref="DiskException">An overlay cannot be created.</exception>
    public void BeginRestore(IReadOnlyList<RestoreDisk>? disks = null)
    {
        lock (_gate)
        {
            if (State is not (MachineState.Configured or MachineState.Running or MachineState.Paused or MachineState.Restoring))
                throw new MachineStateException(State, "restored");
            BeginDiskRestore(disks ?? []);
            if (State == MachineState.Running)
                Halt();
            State = MachineState.Restoring;
            Memory.Clear();
        }
    }

    /// <summary>Takes saved state over and compares the outcome with it. The machine is paused afterwards.</summary>
    /// <exception cref="StateFormatException">The state does not fit; the machine still waits for one.</exception>
    public void RestoreState(ReadOnlyMemory<byte> state)
    {
        lock (_gate)
        {
            Require(MachineState.Restoring, "given a state");
            FlushRestoredDisks();
            foreach (var apply in MachineStateFile.Prepare(state, _parts))
                apply();
            if (!MachineStateFile.Write(_parts).AsSpan().SequenceEqual(state.Span))
                throw new StateFormatException("The restored machine's state differs from the saved one.");
            CompleteDiskRestore();
            State = MachineState.Paused;
        }
    }

    /// <summary>Begins a new dirty epoch: from now on every chunk counts as clean until it is written.</summary>
    public void BeginDirtyEpoch()
    {
        lock (_gate)
        {
            Require(MachineState.Paused, "given a new dirty epoch");
            Memory.StartDirtyEpoch();
            foreach (var disk in _disks)
                disk.Overlay.StartDirtyEpoch();
            _dirtyEpoch++;
        }
    }

    /// <summary>Runs <paramref name="action"/> while every vCPU stands at a safe point, then lets a running machine run on.</summary>
    public T WhileHalted<T>(Func<T> action)
    {
        lock (_gate)
        {
            if (State != MachineState.Running)
                return action();
            Halt();
            try
            {
                return action();
            }
            finally
            {
                Run();
            }
        }
    }

    internal void OnSystemEvent(KvmSystemEvent systemEvent) => Post(new MachineEvent(systemEvent, null));

    internal void OnGuestError(string detail) => Post(new MachineEvent(MachineExitReason.GuestError, detail));

    internal void OnVcpuCrashed(int index, Exception exception) =>
        Post(new MachineEvent(MachineExitReason.Crashed, $"vCPU {index}: {exception}"));

    private void Post(MachineEvent machineEvent) => _events.Writer.TryWrite(machineEvent);

    /// <summary>Reacts to what vCPU threads report, one after the other, outside those threads.</summary>
    private async Task SuperviseAsync()
    {
        await foreach (var machineEvent in _events.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (machineEvent.Failure is { } failure)
                End(new MachineExit(failure, machineEvent.Detail));
            else if (machineEvent.SystemEvent == KvmSystemEvent.Reset)
                ResetByGuest();
            else
                End(new MachineExit(MachineExitReason.GuestOff, machineEvent.Detail));
        }
    }

    private void ResetByGuest()
    {
        lock (_gate)
        {
            if (State is not (MachineState.Running or MachineState.Paused))
                return;
            if (_resetLoop.Record())
            {
                EndLocked(new MachineExit(MachineExitReason.GuestResetLoop, ResetLoopDetector.Description));
                return;
            }

            try
            {
                ResetLocked(State == MachineState.Running);
            }
            catch (BootException)
            {
                // ResetLocked has ended the machine with the reason.
            }
        }
    }

    private void ResetLocked(bool runAfterwards)
    {
        if (State == MachineState.Running)
            Halt();
        State = MachineState.Paused;
        _resets++;
        Memory.Clear();
        _vm.Gic.Reset();
        _vm.Its.Reset();
        _vm.Timers.Reset();
        _uart.Reset();
        _rtc.Reset();
        _gpio.Reset();
        _virtio.Reset();
        foreach (var vcpu in _vcpus)
            InitVcpu(vcpu);
        try
        {
            Boot();
        }
        catch (BootException e)
        {
            EndLocked(new MachineExit(MachineExitReason.Crashed, $"The machine cannot boot again: {e.Message}"));
            throw;
        }

        if (runAfterwards)
            Run();
    }

    /// <summary>Loads the boot files and points vCPU 0 at them.</summary>
    private void Boot()
    {
        _boot = BootLoader.Load(_configuration.Definition.Boot, Memory, [.. _vcpus.Select(v => v.Affinity)], [.. _virtio.Slots]);
        Span<byte> value = stackalloc byte[8];
        BitConverter.TryWriteBytes(value, _boot.Entry);
        Check(_vcpus[0].SetOneReg(RegisterId.CoreRegister(RegisterId.CorePc, RegisterId.U64), value), "SET_ONE_REG of the PC");
        BitConverter.TryWriteBytes(value, _boot.DeviceTree);
        Check(_vcpus[0].SetOneReg(RegisterId.CoreRegister(0, RegisterId.U64), value), "SET_ONE_REG of X0");
    }

    private void Run()
    {
        State = MachineState.Running;
        if (IsHeldByDebugger)
            return;
        _halted = false;
        _vm.Clock.Start();
        _virtio.Release();
        _powerButton.ReleaseSoon();
        foreach (var thread in _threads)
        {
            if (MayRun(thread))
                thread.Resume();
        }
    }

    private void Halt()
    {
        if (_halted)
            return;
        _halted = true;
        foreach (var thread in _threads)
            thread.RequestPause();
        foreach (var thread in _threads)
            thread.WaitParked();
        _virtio.Hold();
        _vm.Clock.Stop();
        _powerButton.Freeze();
    }

    private void EndLocked(MachineExit exit)
    {
        if (State == MachineState.Exited)
            return;
        foreach (var thread in _threads)
            thread.RequestEnd();
        foreach (var thread in _threads)
            thread.WaitParked();
        _virtio.End();
        _vm.Clock.Stop();
        State = MachineState.Exited;
        _log?.Dispose();
        CloseDisks();
        _events.Writer.TryComplete();
        _ended.TrySetResult(exit);
    }

    private void Require(MachineState state, string verb)
    {
        if (State != state)
            throw new MachineStateException(State, verb);
    }

    /// <summary>A report of a vCPU thread: a guest's system event, or a failure.</summary>
    private readonly record struct MachineEvent(KvmSystemEvent SystemEvent, MachineExitReason? Failure, string? Detail)
    {
        public MachineEvent(KvmSystemEvent systemEvent, string? detail)
            : this(systemEvent, null, detail)
        {
        }

        public MachineEvent(MachineExitReason failure, string detail)
            : this(KvmSystemEvent.None, failure, detail)
        {
        }
    }
}
