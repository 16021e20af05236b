using CloudVm.Hypervisor.Cpu;

namespace CloudVm.Hypervisor.Kvm;

/// <summary>Where a system register lives.</summary>
internal enum RegisterHome
{
    /// <summary>In <see cref="CpuState"/>: the engine executes MRS and MSR itself.</summary>
    Field,

    /// <summary>In the vCPU's shadow array: it traps, and nothing but KVM keeps it.</summary>
    Shadow,

    /// <summary>An identification register: computed from host, features and vCPU.</summary>
    Identification,
}

/// <summary>Which vCPUs have a register.</summary>
internal enum RegisterVisibility
{
    Always,

    /// <summary>Hidden from vCPUs without SVE.</summary>
    SveOnly,

    /// <summary>Reads as zero on vCPUs without SVE.</summary>
    SveOrZero,

    /// <summary>Hidden from vCPUs without pointer authentication.</summary>
    PtrauthOnly,

    /// <summary>Hidden from vCPUs without a performance monitor.</summary>
    PmuOnly,

    /// <summary>Hidden from VMs without memory tagging.</summary>
    MemoryTaggingOnly,

    /// <summary>Hidden where the profile does not know permission indirection.</summary>
    PermissionIndirectionOnly,

    /// <summary>Reads as zero and ignores ONE_REG's writes on hosts without AArch32.</summary>
    AArch32OrZero,

    /// <summary>Reads as zero everywhere: not allocated, or of a feature that KVM hides.</summary>
    Zero,
}

/// <summary>How one vCPU finds a register. All three differ: what reads as zero is listed, and its access is no exception.</summary>
internal enum RegisterPresence
{
    /// <summary>Not listed, ENOENT to ONE_REG, UNDEF to the guest.</summary>
    Hidden,

    /// <summary>Listed and readable as zero; only zero can be written.</summary>
    ReadsAsZero,

    /// <summary>There.</summary>
    Present,
}

/// <summary>Reaches a register in the register file.</summary>
internal delegate ref ulong CpuStateField(ref CpuState state);

/// <summary>One system register of the vCPU interface.</summary>
internal sealed record SystemRegisterRow(SystemRegister Register, string Name, RegisterHome Home)
{
    public CpuStateField? Field { get; init; }

    /// <summary>Index in the vCPU's shadow array.</summary>
    public int Shadow { get; init; } = -1;

    public RegisterVisibility Visibility { get; init; }

    /// <summary>False for state that only ONE_REG reaches: to the guest the register is UNDEF.</summary>
    public bool IsGuestAccessible { get; init; } = true;

    /// <summary>The guest may not write it, so a write is UNDEF.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>How a vCPU finds the register.</summary>
    public RegisterPresence PresenceFor(KvmVcpu vcpu) => Visibility switch
    {
        RegisterVisibility.SveOnly => HiddenUnless(vcpu.HasSve),
        RegisterVisibility.SveOrZero => ZeroUnless(vcpu.HasSve),
        RegisterVisibility.PtrauthOnly => HiddenUnless(vcpu.HasPtrauth),
        RegisterVisibility.PmuOnly => HiddenUnless(vcpu.HasPmu),
        RegisterVisibility.MemoryTaggingOnly => HiddenUnless(vcpu.HasMemoryTagging),
        RegisterVisibility.PermissionIndirectionOnly => HiddenUnless(vcpu.Abi.HasPermissionIndirection),
        RegisterVisibility.AArch32OrZero => ZeroUnless(vcpu.HostHasAArch32),
        RegisterVisibility.Zero => RegisterPresence.ReadsAsZero,
        _ => RegisterPresence.Present,
    };

    /// <summary>Whether the vCPU has the register at all.</summary>
    public bool IsVisibleTo(KvmVcpu vcpu) => PresenceFor(vcpu) != RegisterPresence.Hidden;

    /// <summary>REG_USER_WI: any value can be set, and nothing comes of it.</summary>
    public bool IgnoresUserWrites(KvmVcpu vcpu) =>
        Visibility == RegisterVisibility.AArch32OrZero && PresenceFor(vcpu) == RegisterPresence.ReadsAsZero;

    private static RegisterPresence HiddenUnless(bool condition) => condition ? RegisterPresence.Present : RegisterPresence.Hidden;

    private static RegisterPresence ZeroUnless(bool condition) => condition ? RegisterPresence.Present : RegisterPresence.ReadsAsZero;
}
