using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Kvm;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Tests.Kvm;

namespace CloudVm.Hypervisor.Tests.Debugging;

/// <summary>vCPUs that never run, and a record of what a debugger asked for.</summary>
internal sealed class FakeDebugTarget : IDebugTarget, IDisposable
{
    private readonly TestVm _vm;
    private readonly TaskCompletionSource _end = new();

    public FakeDebugTarget(string profile = "max-pow2", uint features = TestVm.Sve | TestVm.Psci, int vcpus = 2)
    {
        _vm = new TestVm(profile, vcpus: vcpus);
        Vcpus = [.. Enumerable.Range(0, vcpus).Select(index => _vm.CreateReady(features, index))];
    }

    public event Action<DebugStop>? Stopped;

    public IReadOnlyList<KvmVcpu> Vcpus { get; }

    public GuestMemory Memory => _vm.Memory;

    public Task End => _end.Task;

    public bool IsHeld { get; private set; }

    /// <summary>How often a debugger went away, and whether the last one left the machine paused.</summary>
    public (int Count, bool LeftPaused) Released { get; private set; }

    public IReadOnlyList<DebugAction> LastActions { get; private set; } = [];

    public DebugControls LastControls { get; private set; } = DebugControls.None;

    /// <summary>Completes at the next <see cref="Continue"/>.</summary>
    public TaskCompletionSource Continued { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Hold() => IsHeld = true;

    public void Continue(IReadOnlyList<DebugAction> actions, DebugControls controls)
    {
        LastActions = [.. actions];
        LastControls = controls;
        IsHeld = false;
        Continued.TrySetResult();
        Continued = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Release(bool leavePaused) => Released = (Released.Count + 1, leavePaused);

    public bool TryInspect(Action action)
    {
        if (IsHeld)
            action();
        return IsHeld;
    }

    public string? Reset() => null;

    public void Stop(DebugStop stop) => Stopped?.Invoke(stop);

    public void EndMachine() => _end.TrySetResult();

    public void Dispose() => _vm.Dispose();
}
