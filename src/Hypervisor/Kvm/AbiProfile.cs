namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Everything in which the supported generations of KVM's interface differ. Code asks for a property, never for a name.
/// </summary>
public sealed record AbiProfile
{
    private AbiProfile()
    {
    }

    public static AbiProfile Linux612 { get; } = new() { Name = "linux-6.12" };

    public static AbiProfile Linux61 { get; } = new()
    {
        Name = "linux-6.1",
        FeaturesAreVmWide = false,
        PowerOffIsSticky = true,
        ReportsGenericTarget = false,
        AcceptsOnlyHostTarget = true,
        PhysicalTimerIsListed = false,
    };

    public static AbiProfile Rfc2018 { get; } = new()
    {
        Name = "rfc-2018",
        FeaturesAreVmWide = false,
        PowerOffIsSticky = true,
        ReportsGenericTarget = false,
        AcceptsOnlyHostTarget = true,
        PhysicalTimerIsListed = false,
        HasVectorLengthRegister = false,
        NeedsFinalize = false,
        HostStateIsSavedByTrap = true,
        KnownFeatures = 0x1f,
    };

    public static IReadOnlyList<AbiProfile> All { get; } = [Linux612, Linux61, Rfc2018];

    public required string Name { get; init; }

    /// <summary>All vCPUs of a VM must be initialised with the same features.</summary>
    public bool FeaturesAreVmWide { get; private init; } = true;

    /// <summary>POWER_OFF counts when a later VCPU_INIT is compared with the first.</summary>
    public bool PowerOffIsSticky { get; private init; }

    /// <summary>PREFERRED_TARGET always answers generic Armv8.</summary>
    public bool ReportsGenericTarget { get; private init; } = true;

    /// <summary>VCPU_INIT refuses the generic target on a host with a target number of its own.</summary>
    public bool AcceptsOnlyHostTarget { get; private init; }

    /// <summary>The physical timer's registers are part of the register list.</summary>
    public bool PhysicalTimerIsListed { get; private init; } = true;

    /// <summary>KVM_REG_ARM64_SVE_VLS exists.</summary>
    public bool HasVectorLengthRegister { get; private init; } = true;

    /// <summary>SVE vCPUs run only after VCPU_FINALIZE.</summary>
    public bool NeedsFinalize { get; private init; } = true;

    /// <summary>The host's FP state stays live until the guest's first FP trap, which saves it.</summary>
    public bool HostStateIsSavedByTrap { get; private init; }

    /// <summary>Feature bits that VCPU_INIT knows.</summary>
    public uint KnownFeatures { get; private init; } = 0x7f;

    /// <summary>The profile of a name, or null.</summary>
    public static AbiProfile? Find(string name) => All.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal));
}
