namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// The Power State Coordination Interface (Arm DEN 0022) in the versions that KVM offers: 0.1 for vCPUs without the PSCI feature; 0.2, 1.0
/// and 1.1 with it, as KVM_REG_ARM_PSCI_VERSION says.
/// </summary>
/// <remarks>Thread: any vCPU's; power transitions take the lock.</remarks>
internal sealed class Psci(KvmVm vm)
{
    public const ulong Version01 = 1;
    public const ulong Version02 = 2;
    public const ulong Version10 = 0x1_0000;
    public const ulong Version11 = 0x1_0001;

    /// <summary>SMCCC_VERSION, which PSCI_FEATURES knows too.</summary>
    public const uint SmcccVersion = 0x8000_0000;

    private const ulong MigrateNotNeeded = 2;
    private const ulong Success = 0;
    private const ulong NotSupported = ulong.MaxValue;
    private const ulong InvalidParameters = unchecked((ulong)-2);
    private const ulong AlreadyOn = unchecked((ulong)-4);
    private const ulong InternalFailure = unchecked((ulong)-6);
    private const ulong AffinityBits = 0xff_00ff_ffff;

    private const uint CpuOff01 = 0x95c1_ba5f;
    private const uint CpuOn01 = 0x95c1_ba60;

    private const uint Smc64Bit = 0x4000_0000;
    private const uint PsciVersion = 0x8400_0000;
    private const uint CpuSuspend = 0x8400_0001;
    private const uint CpuOff = 0x8400_0002;
    private const uint CpuOn = 0x8400_0003;
    private const uint AffinityInfo = 0x8400_0004;
    private const uint MigrateInfoType = 0x8400_0006;
    private const uint SystemOff = 0x8400_0008;
    private const uint SystemReset = 0x8400_0009;
    private const uint PsciFeatures = 0x8400_000a;
    private const uint SystemReset2 = 0x8400_0012;

    private readonly Lock _gate = new();

    /// <summary>The version that vCPUs with the PSCI feature get.</summary>
    public ulong Version { get; set; } = vm.Abi.LatestPsci;

    public FirmwareAnswer Call(KvmVcpu caller, FirmwareCall call)
    {
        var function = (uint)call.Function;
        if (!caller.HasPsci)
            return CallOld(caller, function, call);
        if (!IsFunction(function, Version))
            return new(NotSupported);
        if ((function & Smc64Bit) == 0)
            call = call.Narrowed;
        switch (function & ~Smc64Bit)
        {
            case PsciVersion:
                return new(Version);
            case PsciFeatures:
                var asked = (uint)call.Argument1;
                return new(asked == SmcccVersion || IsFunction(asked, Version) ? Success : NotSupported);
            case CpuSuspend:
                return new(Success, FirmwareEffect.WaitForInterrupt); // every suspend state is a standby state
            case CpuOff:
                return SwitchOff(caller);
            case CpuOn:
                return new(SwitchOn(call.Argument1, call.Argument2, call.Argument3, AlreadyOn));
            case AffinityInfo:
                return new(StateOf(call.Argument1, call.Argument2));
            case MigrateInfoType:
                return new(MigrateNotNeeded);
            case SystemOff:
                return SystemEvent(FirmwareEffect.Shutdown);
            case SystemReset:
                return SystemEvent(FirmwareEffect.Reset);
            default:
                // Type 0 is the architectural warm reset; types from 0x80000000 are a vendor's, and reset as well.
                return call.Argument1 is 0 or >= 0x8000_0000 ? SystemEvent(FirmwareEffect.Reset) : new(InvalidParameters);
        }
    }

    /// <summary>Whether a version has a function. Some exist in a 64-bit form too; PSCI_FEATURES came with 1.0, SYSTEM_RESET2 with 1.1.</summary>
    private static bool IsFunction(uint function, ulong version) => function switch
    {
        PsciVersion or CpuOff or MigrateInfoType or SystemOff or SystemReset => true,
        PsciFeatures => version >= Version10,
        _ => (function & ~Smc64Bit) switch
        {
            CpuSuspend or CpuOn or AffinityInfo => true,
            SystemReset2 => version >= Version11,
            _ => false,
        },
    };

    /// <summary>PSCI 0.1 as KVM numbers it.</summary>
    private FirmwareAnswer CallOld(KvmVcpu caller, uint function, FirmwareCall call) => function switch
    {
        CpuOff01 => SwitchOff(caller),
        CpuOn01 => new(SwitchOn(call.Argument1, call.Argument2, call.Argument3, InvalidParameters)),
        _ => new(NotSupported),
    };

    private FirmwareAnswer SwitchOff(KvmVcpu caller)
    {
        lock (_gate)
            caller.PoweredOff = true;
        vm.OnVcpuOff();
        return new(Success);
    }

    private ulong SwitchOn(ulong affinity, ulong entry, ulong context, ulong alreadyOn)
    {
        if ((affinity & ~AffinityBits) != 0 || vm.FindByAffinity(affinity) is not { } target)
            return InvalidParameters;
        lock (_gate)
        {
            if (!target.PoweredOff)
                return alreadyOn;
            target.PowerOn(entry, context);
        }

        return Success;
    }

    /// <summary>0 on, 1 off, for the PEs below an affinity level.</summary>
    private ulong StateOf(ulong affinity, ulong level)
    {
        if ((affinity & ~AffinityBits) != 0 || level > 3)
            return InvalidParameters;
        var mask = AffinityBits & ~((1ul << (8 * (int)level)) - 1);
        var found = false;
        foreach (var vcpu in vm.Vcpus)
        {
            if ((vcpu.Affinity & mask) != (affinity & mask))
                continue;
            found = true;
            if (!vcpu.PoweredOff)
                return 0;
        }

        return found ? 1 : InvalidParameters;
    }

    /// <summary>
    /// kvm_prepare_system_event: no vCPU runs on until the monitor has reacted. A caller that is resumed nevertheless sees a failure.
    /// </summary>
    private FirmwareAnswer SystemEvent(FirmwareEffect effect)
    {
        lock (_gate)
        {
            foreach (var vcpu in vm.Vcpus)
            {
                vcpu.PoweredOff = true;
                vcpu.Kick();
            }
        }

        return new(InternalFailure, effect);
    }
}
