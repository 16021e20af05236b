using System.Security.Cryptography;
using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Mmu;

namespace CloudVm.Hypervisor.Execute;

/// <summary>
/// What the vCPUs of one VM share: RAM, features, and the broadcast of TLB and instruction-cache maintenance. Also the Inner
/// Shareable domain of the architecture.
/// </summary>
/// <remarks>Thread: any, except that a vCPU's engine runs on one thread at a time.</remarks>
public sealed class EngineDomain : IDisposable
{
    private readonly Interpreter?[] _vcpus;
    private readonly MaintenanceLog _log = new();
    private int _eventWaiters;

    public EngineDomain(GuestMemory memory, CpuFeatures features, int vcpuCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vcpuCount);
        Memory = memory;
        Features = features;
        _vcpus = new Interpreter?[vcpuCount];
        memory.WriteTrackingRestarted += OnMemoryChanged;
    }

    public GuestMemory Memory { get; }

    public CpuFeatures Features { get; }

    /// <summary>Wakes those who sleep between <see cref="BeginEventWait"/> and <see cref="EndEventWait"/>.</summary>
    /// <remarks>Called on the thread of the vCPU that caused the event.</remarks>
    public Action? EventSignalled { get; set; }

    /// <summary>Where RNDR and RNDRRS take their 64 bits from; the host's generator unless replaced. Thread: any.</summary>
    public Func<ulong> NextRandom { get; init; } = HostRandom;

    /// <summary>What was broadcast; an engine whose acknowledged number is lower than the log's holds stale translations.</summary>
    internal MaintenanceLog Log => _log;

    /// <summary>The engine of vCPU <paramref name="index"/>; each may be created once.</summary>
    public IVcpuEngine CreateVcpu(int index)
    {
        if (_vcpus[index] is not null)
            throw new InvalidOperationException($"The engine of vCPU {index} exists already.");
        var engine = new Interpreter(this, index);
        Volatile.Write(ref _vcpus[index], engine);
        return engine;
    }

    /// <summary>A vCPU is about to sleep in WFE. It looks at its conditions after this, so that no event falls between.</summary>
    public void BeginEventWait() => Interlocked.Increment(ref _eventWaiters);

    public void EndEventWait() => Interlocked.Decrement(ref _eventWaiters);

    public void Dispose()
    {
        Memory.WriteTrackingRestarted -= OnMemoryChanged;
        foreach (var engine in _vcpus)
            engine?.Dispose();
    }

    /// <summary>
    /// Makes every vCPU do the maintenance before its next block, and returns the number to wait for with <see cref="WaitForFlush"/>.
    /// </summary>
    internal long Broadcast(in MaintenanceRequest request)
    {
        var number = _log.Append(in request);
        foreach (var engine in _vcpus)
            engine?.RequestAttention();
        return number;
    }

    /// <summary>As <see cref="Broadcast"/> for maintenance that the caller has done itself; 0 when there is no other vCPU.</summary>
    internal long BroadcastToOthers(in MaintenanceRequest request) => _vcpus.Length == 1 ? 0 : Broadcast(in request);

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

    private static ulong HostRandom()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    private void OnMemoryChanged() => Broadcast(new(MaintenanceKind.Tlb, TlbInvalidation.Everything));

    /// <summary>SEV: sets every vCPU's event register.</summary>
    internal void SignalEvent()
    {
        foreach (var engine in _vcpus)
            engine?.SetEvent();
        Interlocked.MemoryBarrier();
        WakeEventWaiters();
    }

    /// <summary>
    /// Ends the sleep of vCPUs in WFE: after an event, or after a store with release that may be to an address they monitor. The caller has
    /// made its store visible by a full barrier.
    /// </summary>
    internal void WakeEventWaiters()
    {
        if (Volatile.Read(ref _eventWaiters) != 0)
            EventSignalled?.Invoke();
    }
}
