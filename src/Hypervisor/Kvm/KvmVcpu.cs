using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// One vCPU: its saved state (<c>struct kvm_vcpu_arch</c>), and the calls that KVM's vCPU file descriptor takes.
/// </summary>
/// <remarks>
/// Thread: <see cref="Run"/> on the vCPU's own thread; the other calls while it is not in Run, as the kernel's vCPU mutex enforces.
/// <see cref="Kick"/> and the interrupt line: any. Invariant: while no physical CPU is loaded, <see cref="_context"/> holds all state.
/// </remarks>
public sealed unsafe partial class KvmVcpu : IDisposable
{
    private readonly KvmVm _vm;
    private readonly IVcpuEngine _engine;
    private readonly CpuState* _context;
    private readonly ulong[] _shadow = new ulong[SystemRegisterTable.ShadowCount];
    private KvmVcpuFeatures _features;
    private VqSet _vectorLengths;
    private bool _initialized;
    private bool _finalized;

    internal KvmVcpu(KvmVm vm, int index, IVcpuEngine engine)
    {
        _vm = vm;
        Index = index;
        _engine = engine;
        _context = CpuState.Allocate();
        _firmwareIds = FirmwareIdsOf(vm.Abi);
    }

    /// <summary>The vCPU's number, which MPIDR_EL1 follows.</summary>
    public int Index { get; }

    /// <summary>What RUN shares with the monitor.</summary>
    public KvmRun RunState { get; } = new();

    /// <summary>Whether INIT asked for SVE and got it.</summary>
    public bool HasSve => (_features & KvmVcpuFeatures.Sve) != 0 && _vm.Host.HasSve;

    /// <summary>Whether INIT asked for pointer authentication and got it.</summary>
    public bool HasPtrauth => (_features & Ptrauth) != 0;

    /// <summary>Vector lengths that the vCPU may select; empty without SVE.</summary>
    public VqSet VectorLengths => _vectorLengths;

    /// <summary>MPIDR_EL1 affinity: KVM puts 16 vCPUs into an Aff1 and 256 of those into an Aff2.</summary>
    public ulong Affinity => AffinityOf(Index);

    internal EngineCounters EngineCounters => _engine.Counters;

    /// <summary>The register file at rest, for whoever inspects a vCPU that does not run.</summary>
    internal CpuState* Context => _context;

    /// <inheritdoc/>
    public void Dispose() => CpuState.Free(_context);

    internal static ulong AffinityOf(int index) =>
        (ulong)((index & 0xf) | ((index >> 4 & 0xff) << 8) | ((index >> 12 & 0xff) << 16));

    /// <summary>Largest vector length in quadwords: what state is stored at. 1 without SVE: the V registers.</summary>
    private int MaxVq => HasSve ? _vectorLengths.Max : 1;

    private bool IsFinalized => _finalized || !HasSve;
}
