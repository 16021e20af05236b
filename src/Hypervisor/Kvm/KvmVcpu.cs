using CloudVm.Hypervisor.Cpu;
using CloudVm.Hypervisor.Execute;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Feature bits of KVM_ARM_VCPU_INIT.</summary>
[Flags]
public enum KvmVcpuFeatures : uint
{
    None = 0,
    PowerOff = 1 << 0,
    El1Is32Bit = 1 << 1,
    Psci02 = 1 << 2,
    Pmu = 1 << 3,
    Sve = 1 << 4,
    PtrauthAddress = 1 << 5,
    PtrauthGeneric = 1 << 6,
}

/// <summary>
/// One vCPU: its saved state (<c>struct kvm_vcpu_arch</c>), and the calls that KVM's vCPU file descriptor takes.
/// </summary>
/// <remarks>
/// Thread: <see cref="Run"/> on the vCPU's own thread; the other calls while it is not in Run, as the kernel's vCPU mutex enforces.
/// <see cref="Kick"/> and the interrupt line: any. Invariant: while no physical CPU is loaded, <see cref="_context"/> holds all state.
/// </remarks>
public sealed unsafe partial class KvmVcpu : IDisposable
{
    private const KvmVcpuFeatures Ptrauth = KvmVcpuFeatures.PtrauthAddress | KvmVcpuFeatures.PtrauthGeneric;

    private readonly KvmVm _vm;
    private readonly IVcpuEngine _engine;
    private readonly CpuState* _context;
    private readonly ulong[] _shadow = new ulong[SystemRegisterTable.ShadowCount];
    private KvmVcpuFeatures _features;
    private VqSet _vectorLengths;
    private bool _initialized;
    private bool _finalized;
    private bool _hasRun;

    internal KvmVcpu(KvmVm vm, int index, IVcpuEngine engine)
    {
        _vm = vm;
        Index = index;
        _engine = engine;
        _context = CpuState.Allocate();
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

    /// <summary>MPIDR_EL1 affinity: KVM puts 16 vCPUs into an Aff1.</summary>
    public ulong Affinity => AffinityOf(Index);

    internal EngineCounters EngineCounters => _engine.Counters;

    /// <summary>The register file at rest, for whoever inspects a vCPU that does not run.</summary>
    internal CpuState* Context => _context;

    /// <summary>KVM_ARM_VCPU_INIT.</summary>
    /// <param name="target">KVM_ARM_TARGET_GENERIC_V8 (5) or what PREFERRED_TARGET gave.</param>
    /// <param name="features">Word 0 of the feature bits; words 1 to 6 must be zero and have no place here.</param>
    public Errno Init(uint target, uint features)
    {
        var abi = _vm.Abi;
        if (target != KvmSystem.GenericTarget)
            return Errno.EINVAL;
        if ((features & ~abi.KnownFeatures) != 0)
            return Errno.ENOENT;
        var wanted = (KvmVcpuFeatures)features;
        var compared = abi.PowerOffIsSticky ? wanted : wanted & ~KvmVcpuFeatures.PowerOff;
        if (_initialized && compared != (abi.PowerOffIsSticky ? _features : _features & ~KvmVcpuFeatures.PowerOff))
            return Errno.EINVAL;
        if ((wanted & (KvmVcpuFeatures.El1Is32Bit | KvmVcpuFeatures.Pmu)) != 0)
            return Errno.EINVAL;
        if ((wanted & Ptrauth) != 0 && ((wanted & Ptrauth) != Ptrauth || !_vm.Features.Has(Isa.Feature.PAUTH)))
            return Errno.EINVAL;
        if ((wanted & KvmVcpuFeatures.Sve) != 0 && !_vm.Host.HasSve && abi.NeedsFinalize)
            return Errno.EINVAL;
        if (abi.FeaturesAreVmWide && !_vm.TryAgreeOnFeatures(wanted & ~KvmVcpuFeatures.PowerOff))
            return Errno.EINVAL;

        _features = wanted;
        if (!_finalized)
            _vectorLengths = HasSve ? _vm.Host.VectorLengths.Virtualisable : VqSet.Empty;
        if (!abi.NeedsFinalize)
            _finalized = true;
        ResetRegisters();
        ForgetPendingReset();
        PoweredOff = (wanted & KvmVcpuFeatures.PowerOff) != 0;
        _initialized = true;
        return Errno.Ok;
    }

    /// <summary>KVM_ARM_VCPU_FINALIZE.</summary>
    /// <param name="feature">Number of the feature; only SVE (4) needs finalizing.</param>
    public Errno FinalizeFeature(int feature)
    {
        const int SveFeature = 4;
        if (!_initialized)
            return Errno.ENOEXEC;
        if (feature != SveFeature || !HasSve)
            return Errno.EINVAL;
        if (_finalized)
            return Errno.EPERM;
        _finalized = true;
        return Errno.Ok;
    }

    /// <inheritdoc/>
    public void Dispose() => CpuState.Free(_context);

    internal static ulong AffinityOf(int index) => (ulong)((index & 0xf) | ((index >> 4) << 8));

    /// <summary>Largest vector length in quadwords: what state is stored at. 1 without SVE: the V registers.</summary>
    private int MaxVq => HasSve ? _vectorLengths.Max : 1;

    private bool IsFinalized => _finalized || !HasSve;

    /// <summary>kvm_reset_vcpu: the architectural reset values that KVM gives.</summary>
    private void ResetRegisters()
    {
        const ulong SctlrReset = 0x00c5_0078;
        const ulong Unknown = 0x1de7_ec7e_dbad_c0de;
        var cpu = _context;
        new Span<byte>(cpu, sizeof(CpuState)).Clear();
        cpu->El = 1;
        cpu->SpSel = 1;
        cpu->Daif = PState.DaifMask;
        cpu->SctlrEl1 = SctlrReset;
        cpu->Ttbr0El1 = cpu->Ttbr1El1 = cpu->MairEl1 = cpu->EsrEl1 = cpu->FarEl1 = cpu->ParEl1 = Unknown;
        cpu->Afsr0El1 = cpu->Afsr1El1 = cpu->TpidrEl0 = cpu->TpidrroEl0 = cpu->TpidrEl1 = cpu->CsselrEl1 = Unknown;
        for (var i = 0; i < 10; i++)
            cpu->PointerKeys[i] = Unknown;
        cpu->VmpidrEl2 = 0x8000_0000 | Affinity;
        cpu->VpidrEl2 = _vm.Host.Cpus[0].Profile.Midr;
        cpu->OslsrEl1 = SelfHostedDebug.OslsrReset;
        SystemRegisterTable.ResetShadow(_shadow);
    }
}
