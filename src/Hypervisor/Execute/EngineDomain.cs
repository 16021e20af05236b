using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Memory;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// What the vCPUs of one VM share: RAM, features, and the broadcast of TLB and instruction-cache maintenance. Also the Inner
/// Shareable domain of the architecture.
/// </summary>
/// <remarks>Thread: any, except that a vCPU's engine runs on one thread at a time.</remarks>
public sealed class EngineDomain : IDisposable
{
    private readonly Interpreter?[] _vcpus;
    private long _epoch;

    public EngineDomain(GuestMemory memory, CpuFeatures features, int vcpuCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vcpuCount);
        Memory = memory;
        Features = features;
        _vcpus = new Interpreter?[vcpuCount];
        memory.WriteTrackingRestarted += BroadcastFlush;
        memory.CodeInvalidated += BroadcastFlush;
    }

    public GuestMemory Memory { get; }

    public CpuFeatures Features { get; }

    /// <summary>Number of the last broadcast; an engine whose acknowledged number is lower holds stale translations.</summary>
    internal long Epoch => Volatile.Read(ref _epoch);

    /// <summary>The engine of vCPU <paramref name="index"/>; each may be created once.</summary>
    public IVcpuEngine CreateVcpu(int index)
    {
        if (_vcpus[index] is not null)
            throw new InvalidOperationException($"The engine of vCPU {index} exists already.");
        var engine = new Interpreter(this, index);
        Volatile.Write(ref _vcpus[index], engine);
        return engine;
    }

    public void Dispose()
    {
        Memory.WriteTrackingRestarted -= BroadcastFlush;
        Memory.CodeInvalidated -= BroadcastFlush;
        foreach (var engine in _vcpus)
            engine?.Dispose();
    }

    /// <summary>
    /// Makes every vCPU drop its translations and jump cache before its next block. Does not wait: see <see cref="WaitForFlush"/>.
    /// </summary>
    internal void BroadcastFlush()
    {
        Interlocked.Increment(ref _epoch);
        foreach (var engine in _vcpus)
            engine?.RequestAttention();
    }

    /// <summary>
    /// Waits, as a DSB after a broadcast does, until every vCPU that is inside Run has acknowledged <paramref name="epoch"/>.
    /// <paramref name="self"/> keeps acknowledging others meanwhile, so that two waiting vCPUs do not block each other.
    /// </summary>
    internal void WaitForFlush(long epoch, Interpreter self)
    {
        var spin = default(SpinWait);
        foreach (var engine in _vcpus)
        {
            if (engine is null || engine == self)
                continue;
            while (!engine.HasAcknowledged(epoch))
            {
                self.AcknowledgeFlush();
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    /// <summary>SEV: sets every vCPU's event register.</summary>
    internal void SignalEvent()
    {
        foreach (var engine in _vcpus)
            engine?.SetEvent();
    }
}
