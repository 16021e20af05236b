using System.Globalization;

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
        VectorLengths = new VectorLengthMap(profile.VectorLengthPolicy);
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
    public VectorLengthMap VectorLengths { get; }

    /// <summary>Whether KVM offers SVE: every early CPU has it, and the vector-length policy leaves some length.</summary>
    public bool HasSve => !VectorLengths.Virtualisable.IsEmpty;

    /// <summary>Whether SVE instructions exist here, offered to guests or not: every early CPU has them.</summary>
    public bool CpusHaveSve => !VectorLengths.Common.IsEmpty;

    /// <summary>Whether a vCPU waits for a CPU, so that a running one should give its own up at the end of its slice.</summary>
    public bool HasWaiters => Volatile.Read(ref _waiters) > 0;

    /// <summary>Brings up one more CPU after the lengths were committed.</summary>
    /// <returns>Null when it is online, or why it stays parked.</returns>
    public string? OnlineLateCpu(HostCpuProfile profile)
    {
        if (_cpus.Count == HostProfile.MaxCpus)
            return $"the host has {HostProfile.MaxCpus} CPUs already";
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

    /// <summary>What the boot has found, for a log: CPUs by their lengths in bits, what is common and partial, the bound, the guests' lengths.</summary>
    public override string ToString()
    {
        var cpus = _cpus.GroupBy(cpu => cpu.ProbedLengths).Select(group => string.Create(CultureInfo.InvariantCulture, $"{group.Count()}x {{{group.Key}}}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{_cpus.Count} CPUs: {string.Join(", ", cpus)}; common {VectorLengths.Common}; partial {VectorLengths.Partial}; maximum virtualisable {VectorLengths.ArithmeticBoundVq * 128}; policy {VectorLengths.Policy}; guests {VectorLengths.Virtualisable}");
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
