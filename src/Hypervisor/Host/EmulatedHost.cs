namespace CloudVm.Hypervisor.Host;

/// <summary>
/// The emulated Arm host: its physical CPUs, what their probing found, and the lending of CPUs to vCPU threads.
/// </summary>
/// <remarks>Thread: any.</remarks>
public sealed class EmulatedHost : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _free;
    private readonly List<PhysicalCpu> _idle;
    private readonly List<PhysicalCpu> _cpus;
    private int _waiters;

    /// <summary>Boots the host: brings up every CPU of the profile and commits the common vector lengths.</summary>
    public EmulatedHost(HostProfile profile)
    {
        Profile = profile;
        _cpus = [.. profile.Cpus.Select((cpu, index) => new PhysicalCpu(index, cpu))];
        foreach (var cpu in _cpus)
            VectorLengths.AddEarlyCpu(cpu.ProbeVectorLengths());
        _idle = [.. _cpus];
        _free = new SemaphoreSlim(_cpus.Count);
    }

    public HostProfile Profile { get; }

    /// <summary>CPUs that are online.</summary>
    public IReadOnlyList<PhysicalCpu> Cpus => _cpus;

    /// <summary>What the CPUs' vector lengths have in common.</summary>
    public VectorLengthMap VectorLengths { get; } = new();

    /// <summary>Whether the host has SVE: only if every early CPU does.</summary>
    public bool HasSve => !VectorLengths.Common.IsEmpty;

    /// <summary>Whether a vCPU waits for a CPU, so that a running one should give its own up at the end of its slice.</summary>
    public bool HasWaiters => Volatile.Read(ref _waiters) > 0;

    /// <summary>Brings up one more CPU after the lengths were committed.</summary>
    /// <returns>Null when it is online, or why it stays parked.</returns>
    public string? OnlineLateCpu(HostCpuProfile profile)
    {
        var cpu = new PhysicalCpu(_cpus.Count, profile);
        if (VectorLengths.RejectLateCpu(cpu.ProbeVectorLengths()) is { } reason)
        {
            cpu.Free();
            return reason;
        }

        lock (_gate)
        {
            _cpus.Add(cpu);
            _idle.Add(cpu);
        }

        _free.Release();
        return null;
    }

    /// <summary>Borrows a CPU, waiting for one if all are busy; the one last used if that is idle.</summary>
    public PhysicalCpu Acquire(PhysicalCpu? last)
    {
        if (!_free.Wait(0))
        {
            Interlocked.Increment(ref _waiters);
            try
            {
                _free.Wait();
            }
            finally
            {
                Interlocked.Decrement(ref _waiters);
            }
        }

        lock (_gate)
        {
            var at = last is null ? -1 : _idle.IndexOf(last);
            if (at < 0)
                at = _idle.Count - 1;
            var cpu = _idle[at];
            _idle.RemoveAt(at);
            return cpu;
        }
    }

    /// <summary>Gives a borrowed CPU back.</summary>
    public void Release(PhysicalCpu cpu)
    {
        lock (_gate)
            _idle.Add(cpu);
        _free.Release();
    }

    /// <summary>Frees the CPUs; no vCPU may run.</summary>
    public void Dispose()
    {
        _free.Dispose();
        foreach (var cpu in _cpus)
            cpu.Free();
        _cpus.Clear();
    }
}
