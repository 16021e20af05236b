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
    private long _dropEpoch;

    public EngineDomain(GuestMemory memory, CpuFeatures features, int vcpuCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vcpuCount);
        Memory = memory;
        Features = features;
        _vcpus = new Interpreter?[vcpuCount];
        memory.WriteTrackingRestarted += OnMemoryChanged;
        memory.CodeInvalidated += OnMemoryChanged;
    }

    public GuestMemory Memory { get; }

    public CpuFeatures Features { get; }

    /// <summary>Number of the last broadcast; an engine whose acknowledged number is lower holds stale translations.</summary>
    internal long Epoch => Volatile.Read(ref _epoch);

    /// <summary>Number of the last broadcast that also drops decoded blocks.</summary>
    internal long DropEpoch => Volatile.Read(ref _dropEpoch);

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
        Memory.WriteTrackingRestarted -= OnMemoryChanged;
        Memory.CodeInvalidated -= OnMemoryChanged;
        foreach (var engine in _vcpus)
            engine?.Dispose();
    }

    /// <summary>
    /// Makes the other vCPUs drop their translations before their next block, and returns the number to wait for with
    /// <see cref="WaitForFlush"/>; 0 when there is no other. The caller has done its own part.
    /// </summary>
    internal long BroadcastFlush() => _vcpus.Length == 1 ? 0 : Broadcast();

    /// <summary>Makes every vCPU drop its translations and its decoded blocks before its next block.</summary>
    internal long BroadcastDropBlocks()
    {
        // A vCPU that acknowledges between the two statements flushes once more than needed.
        Interlocked.Exchange(ref _dropEpoch, Interlocked.Read(ref _epoch) + 1);
        return Broadcast();
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

    private void OnMemoryChanged() => Broadcast();

    private long Broadcast()
    {
        var epoch = Interlocked.Increment(ref _epoch);
        foreach (var engine in _vcpus)
            engine?.RequestAttention();
        return epoch;
    }

    /// <summary>SEV: sets every vCPU's event register.</summary>
    internal void SignalEvent()
    {
        foreach (var engine in _vcpus)
            engine?.SetEvent();
    }
}
