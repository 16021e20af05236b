using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Devices;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Gic;
using CloudVm.Hypervisor.Host;
using CloudVm.Hypervisor.Memory;
using CloudVm.Hypervisor.Timers;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// One virtual machine as KVM sees it: memory, vCPUs, and the parts that the kernel emulates itself (interrupt controller, timers,
/// firmware calls).
/// </summary>
/// <remarks>Thread: any, after all vCPUs are created.</remarks>
public sealed partial class KvmVm : IDisposable
{
    /// <summary>Most vCPUs of a machine of ours.</summary>
    public const int MaxVcpus = 64;

    /// <summary>KVM_CAP_MAX_VCPU_ID: vCPU ids are below it.</summary>
    public const int MaxVcpuIds = 512;

    private readonly EngineDomain _domain;
    private readonly KvmVcpu?[] _vcpus;
    private readonly Lock _gate = new();

    internal KvmVm(EmulatedHost host, AbiProfile abi, GuestMemory memory, CpuFeatures features, int vcpuCount, TimeProvider time)
    {
        Host = host;
        Abi = abi;
        Memory = memory;
        _slots = new MemorySlots(memory);
        Features = FeaturesOn(host, features);
        _domain = new EngineDomain(memory, Features, vcpuCount);
        _vcpus = new KvmVcpu?[vcpuCount];
        _domain.EventSignalled = WakeAll;
        Clock = new VirtualClock(time);
        Clock.Start();
        Gic = new GicV3(vcpuCount, (cpu, irq, fiq) => _vcpus[cpu]?.SetInterruptLines(irq, fiq), memory);
        Its = new Its(Gic);
        Timers = new GenericTimers(Clock, vcpuCount, Gic.SetPpi);
        Firmware = new Firmware(this, time);
    }

    /// <summary>The last vCPU that was on has switched itself off: nothing will ever run again.</summary>
    public event Action? AllVcpusOff;

    public EmulatedHost Host { get; }

    public AbiProfile Abi { get; }

    public GuestMemory Memory { get; }

    /// <summary>What the CPUs execute.</summary>
    public CpuFeatures Features { get; }

    /// <summary>The guest's time.</summary>
    public VirtualClock Clock { get; }

    public GicV3 Gic { get; }

    /// <summary>Turns message-signalled interrupts into LPIs.</summary>
    public Its Its { get; }

    public GenericTimers Timers { get; }

    /// <summary>Devices that KVM itself emulates, without an exit to the monitor.</summary>
    public MmioBus KernelBus { get; } = new();

    /// <summary>The vCPUs created so far, in order.</summary>
    public IEnumerable<KvmVcpu> Vcpus => _vcpus.OfType<KvmVcpu>();

    internal Firmware Firmware { get; }

    private static ReadOnlySpan<Isa.Feature> SveFeatures =>
    [
        Isa.Feature.SVE, Isa.Feature.SVE2, Isa.Feature.SVE2P1, Isa.Feature.SVE_AES, Isa.Feature.SVE_BITPERM, Isa.Feature.SVE_SHA3,
        Isa.Feature.SVE_SM4, Isa.Feature.SVE_PMULL128, Isa.Feature.SVE_BF16, Isa.Feature.SVE_I8MM, Isa.Feature.F32MM, Isa.Feature.F64MM,
    ];

    // Without SVE nothing of it remains; FEAT_F64MM needs vectors of 256 bits, the least that its matrices fit in.
    private static CpuFeatures FeaturesOn(EmulatedHost host, CpuFeatures features) =>
        !host.CpusHaveSve ? features.Without(SveFeatures)
        : host.VectorLengths.BoundVq < 2 ? features.Without(Isa.Feature.F64MM)
        : features;

    /// <summary>KVM_CREATE_VCPU.</summary>
    public Errno CreateVcpu(int id, out KvmVcpu? vcpu)
    {
        vcpu = null;
        if (id < 0 || id >= _vcpus.Length)
            return Errno.EINVAL;
        lock (_gate)
        {
            if (_vcpus[id] is not null)
                return Errno.EEXIST;
            vcpu = _vcpus[id] = new KvmVcpu(this, id, _domain.CreateVcpu(id));
        }

        return Errno.Ok;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var vcpu in Vcpus)
            vcpu.Dispose();
        _domain.Dispose();
    }

    internal KvmVcpu? FindByAffinity(ulong affinity) =>
        Vcpus.FirstOrDefault(v => v.Affinity == (affinity & 0xff_00ff_ffff));

    internal EngineDomain Domain => _domain;

    private void WakeAll()
    {
        foreach (var vcpu in _vcpus)
            vcpu?.Wake();
    }

    internal void OnVcpuOff()
    {
        if (Vcpus.All(v => v.PoweredOff))
            AllVcpusOff?.Invoke();
    }
}
