namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// What answers HVC and SMC: SMCCC 1.1 (Arm DEN 0028) itself, PSCI and the entropy service. Unknown functions return NOT_SUPPORTED. The
/// function numbers and errors are those of KVM's kvm_smccc_call_handler.
/// </summary>
/// <remarks>Thread: any vCPU's; power transitions take a lock.</remarks>
internal sealed class Firmware(KvmVm vm)
{
    /// <summary>Bit 0 of KVM_REG_ARM_STD_BMAP: TRNG 1.0.</summary>
    public const ulong TrngService = 1;

    private const ulong SmcccVersion11 = 0x0001_0001;
    private const ulong NotRequired = unchecked((ulong)-2);
    private const ulong Unaffected = 1;

    private const uint SmcccVersion = Psci.SmcccVersion;
    private const uint SmcccArchFeatures = 0x8000_0001;
    private const uint ArchWorkaround1 = 0x8000_8000;
    private const uint ArchWorkaround2 = 0x8000_7fff;
    private const uint ArchWorkaround3 = 0x8000_3fff;

    public Psci Psci { get; } = new(vm);

    public Trng Trng { get; } = new();

    /// <summary>Bits of KVM_REG_ARM_STD_BMAP that are switched on; all services at first.</summary>
    public ulong StandardServices { get; set; } = TrngService;

    /// <summary>Carries out a call of <paramref name="caller"/>.</summary>
    public FirmwareAnswer Call(KvmVcpu caller, FirmwareCall call)
    {
        var function = (uint)call.Function;
        if (function == SmcccVersion)
            return new(SmcccVersion11);
        if (function == SmcccArchFeatures)
            return new(ArchFeature((uint)call.Argument1));
        if (Trng.IsFunction(function))
            return (StandardServices & TrngService) != 0 ? Trng.Call(call) : FirmwareAnswer.NotSupported;
        return Psci.Call(caller, call);
    }

    /// <summary>The workarounds as KVM answers them on CPUs that need none, since nothing speculates here.</summary>
    private static ulong ArchFeature(uint function) => function switch
    {
        ArchWorkaround1 or ArchWorkaround2 => NotRequired,
        ArchWorkaround3 => Unaffected,
        _ => ulong.MaxValue,
    };
}
