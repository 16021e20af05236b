namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// What answers HVC and SMC: SMCCC 1.1 (Arm DEN 0028) itself, PSCI, the entropy service and KVM's own. Unknown functions return NOT_SUPPORTED. The
/// function numbers and errors are those of KVM's kvm_smccc_call_handler.
/// </summary>
/// <remarks>Thread: any vCPU's; power transitions take a lock.</remarks>
internal sealed class Firmware
{
    private const ulong SmcccVersion11 = 0x0001_0001;
    private const ulong NotRequired = unchecked((ulong)-2);
    private const ulong Unaffected = 1;

    private const uint SmcccVersion = Psci.SmcccVersion;
    private const uint SmcccArchFeatures = 0x8000_0001;
    private const uint ArchWorkaround1 = 0x8000_8000;
    private const uint ArchWorkaround2 = 0x8000_7fff;
    private const uint ArchWorkaround3 = 0x8000_3fff;

    private const uint HypervisorPvTimeFeatures = 0xc500_0020;

    private readonly VendorHypercalls _vendor;

    public Firmware(KvmVm vm, TimeProvider time)
    {
        Psci = new Psci(vm);
        _vendor = new VendorHypercalls(Services, vm.Clock, time);
    }

    public Psci Psci { get; }

    public Trng Trng { get; } = new();

    /// <summary>The services that are switched on.</summary>
    public FirmwareServices Services { get; } = new();

    /// <summary>Carries out a call of <paramref name="caller"/>.</summary>
    public FirmwareAnswer Call(KvmVcpu caller, FirmwareCall call)
    {
        var function = (uint)call.Function;
        if (function == SmcccVersion)
            return new(SmcccVersion11);
        if (function == SmcccArchFeatures)
            return new(ArchFeature((uint)call.Argument1));
        if (Trng.IsFunction(function))
            return Services.HasTrng ? Trng.Call(call) : FirmwareAnswer.NotSupported;
        if (VendorHypercalls.IsFunction(function))
            return _vendor.Call(call);
        return Psci.Call(caller, call);
    }

    /// <summary>The workarounds as KVM answers them on CPUs that need none, since nothing speculates here.</summary>
    private ulong ArchFeature(uint function) => function switch
    {
        // The question may be asked; stolen time itself needs memory that no monitor of ours gives, so it is not there.
        HypervisorPvTimeFeatures when Services.HasPvTime => 0,
        ArchWorkaround1 or ArchWorkaround2 => NotRequired,
        ArchWorkaround3 => Unaffected,
        _ => ulong.MaxValue,
    };
}
