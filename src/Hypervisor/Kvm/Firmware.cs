namespace CloudVm.Hypervisor.Kvm;

/// <summary>Arguments of a hypervisor call: X0 to X3.</summary>
internal readonly record struct FirmwareCall(ulong Function, ulong Argument1, ulong Argument2, ulong Argument3);

/// <summary>What a firmware call does beyond its result.</summary>
internal enum FirmwareEffect
{
    None,
    WaitForInterrupt,
    Shutdown,
    Reset,
}

/// <summary>Answer of a firmware call: X0, and its effect on the caller.</summary>
internal readonly record struct FirmwareAnswer(ulong Result, FirmwareEffect Effect = FirmwareEffect.None);

/// <summary>
/// The firmware interface of a VM: SMCCC 1.1 (Arm DEN 0028) and PSCI 1.1 (Arm DEN 0022) for vCPUs that have the PSCI feature.
/// Unknown functions return NOT_SUPPORTED.
/// </summary>
/// <remarks>Thread: any vCPU's; power transitions take the lock.</remarks>
internal sealed class Firmware(KvmVm vm)
{
    private const ulong PsciVersion11 = 0x0001_0001;
    private const ulong SmcccVersion11 = 0x0001_0001;
    private const ulong MigrateNotNeeded = 2;

    private const ulong Success = 0;
    private const ulong NotSupported = ulong.MaxValue;
    private const ulong InvalidParameters = unchecked((ulong)-2);
    private const ulong AlreadyOn = unchecked((ulong)-4);

    private const uint Smc64Bit = 0x4000_0000;

    private const uint SmcccVersion = 0x8000_0000;
    private const uint SmcccArchFeatures = 0x8000_0001;
    private const uint PsciVersion = 0x8400_0000;
    private const uint PsciCpuSuspend = 0x8400_0001;
    private const uint PsciCpuOff = 0x8400_0002;
    private const uint PsciCpuOn = 0x8400_0003;
    private const uint PsciAffinityInfo = 0x8400_0004;
    private const uint PsciMigrateInfoType = 0x8400_0006;
    private const uint PsciSystemOff = 0x8400_0008;
    private const uint PsciSystemReset = 0x8400_0009;
    private const uint PsciFeatures = 0x8400_000a;
    private const uint PsciSystemReset2 = 0x8400_0012;

    private readonly Lock _gate = new();

    /// <summary>Carries out a call of <paramref name="caller"/>.</summary>
    public FirmwareAnswer Call(KvmVcpu caller, FirmwareCall call)
    {
        var function = (uint)call.Function;
        if (function == SmcccVersion)
            return new(SmcccVersion11);
        if (function == SmcccArchFeatures)
            return new(NotSupported); // no workaround is needed where nothing speculates
        if (!caller.HasPsci || !IsPsci(function))
            return new(NotSupported);

        // 32-bit calls see the low halves of their arguments only.
        var is64 = (function & Smc64Bit) != 0;
        if (!is64)
            call = new(call.Function, (uint)call.Argument1, (uint)call.Argument2, (uint)call.Argument3);
        switch (function & ~Smc64Bit)
        {
            case PsciVersion:
                return new(PsciVersion11);
            case PsciFeatures:
                return new(IsPsci((uint)call.Argument1) || (uint)call.Argument1 == SmcccVersion ? Success : NotSupported);
            case PsciCpuSuspend:
                return new(Success, FirmwareEffect.WaitForInterrupt); // every suspend state is a standby state
            case PsciCpuOff:
                return CpuOff(caller);
            case PsciCpuOn:
                return new(CpuOn(call.Argument1, call.Argument2, call.Argument3));
            case PsciAffinityInfo:
                return new(AffinityInfo(call.Argument1, call.Argument2));
            case PsciMigrateInfoType:
                return new(MigrateNotNeeded);
            case PsciSystemOff:
                return SystemEvent(FirmwareEffect.Shutdown);
            case PsciSystemReset:
                return SystemEvent(FirmwareEffect.Reset);
            case PsciSystemReset2:
                // Type 0 is the architectural warm reset; vendor types (bit 31) do not exist here.
                return (uint)call.Argument1 == 0 ? SystemEvent(FirmwareEffect.Reset) : new(InvalidParameters);
            default:
                return new(NotSupported);
        }
    }

    private static bool IsPsci(uint function) => function switch
    {
        PsciVersion or PsciCpuOff or PsciMigrateInfoType or PsciSystemOff or PsciSystemReset or PsciFeatures => true,
        _ => (function & ~Smc64Bit) is PsciCpuSuspend or PsciCpuOn or PsciAffinityInfo or PsciSystemReset2,
    };

    private FirmwareAnswer CpuOff(KvmVcpu caller)
    {
        lock (_gate)
            caller.PoweredOff = true;
        vm.OnVcpuOff();
        return new(Success);
    }

    private ulong CpuOn(ulong affinity, ulong entry, ulong context)
    {
        if (vm.FindByAffinity(affinity) is not { } target)
            return InvalidParameters;
        lock (_gate)
        {
            if (!target.PoweredOff)
                return AlreadyOn;
            target.PowerOn(entry, context);
        }

        return Success;
    }

    /// <summary>0 on, 1 off, for the PEs below an affinity level.</summary>
    private ulong AffinityInfo(ulong affinity, ulong level)
    {
        if (level > 3)
            return InvalidParameters;
        var mask = level == 3 ? 0xff_0000_0000 : 0xff_00ff_ffff & ~((1ul << (8 * (int)level)) - 1);
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

    /// <summary>kvm_prepare_system_event: no vCPU runs on until the monitor has reacted.</summary>
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

        return new(Success, effect);
    }
}
