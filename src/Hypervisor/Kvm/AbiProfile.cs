namespace CloudVm.Hypervisor.Kvm;

/// <summary>
/// Everything in which the supported generations of KVM's interface differ. Code asks for a property, never for a name. The defaults are
/// those of the newest.
/// </summary>
public sealed record AbiProfile
{
    private AbiProfile()
    {
    }

    /// <summary>As Linux 6.12 (the facts call this generation "new").</summary>
    public static AbiProfile Linux612 { get; } = new() { Name = "linux-6.12" };

    /// <summary>As Linux 6.1 ("old").</summary>
    public static AbiProfile Linux61 { get; } = new()
    {
        Name = "linux-6.1",
        FeaturesAreVmWide = false,
        PowerOffIsSticky = true,
        ReportsGenericTarget = false,
        AcceptsOnlyHostTarget = true,
        FeatureBitsAreCheckedInOrder = true,
        PhysicalTimerIsListed = false,
        HasPermissionIndirection = false,
        IdRegistersAreWritable = false,
        MpidrIsResetOnce = false,
        HasCounterOffset = false,
        SpeculationFieldsAreWritable = true,
        CachesAreFabricated = false,
        SmcReachesFirmware = false,
    };

    /// <summary>As the series of June 2018 on the kernel that it was written for.</summary>
    public static AbiProfile Rfc2018 { get; } = Linux61 with
    {
        Name = "rfc-2018",
        SpeculationFieldsAreWritable = false,
        HasVectorLengthRegister = false,
        NeedsFinalize = false,
        SveIsAskedForByDefault = true,
        CoreRegistersAreBytes = true,
        SveIdsAreChecked = false,
        DataIsReadBeforeRegisterIsFound = false,
        HostStateIsSavedByTrap = true,
        KnownFeatures = 0x1f,
        LatestPsci = Psci.Version10,
        FirmwareRegisterCount = 1,
        HasFirmwareBitmaps = false,
        HasNisvExit = false,
        HasMemoryTagging = false,
        HasSuspendedState = false,
        HasIpaSize = false,
    };

    /// <summary>Every profile, the default first.</summary>
    public static IReadOnlyList<AbiProfile> All { get; } = [Linux612, Linux61, Rfc2018];

    /// <summary>What users call it.</summary>
    public required string Name { get; init; }

    /// <summary>All vCPUs of a VM must be initialised with the same features; else only the register width must agree.</summary>
    public bool FeaturesAreVmWide { get; private init; } = true;

    /// <summary>POWER_OFF counts when a later VCPU_INIT is compared with the first.</summary>
    public bool PowerOffIsSticky { get; private init; }

    /// <summary>PREFERRED_TARGET always answers generic Armv8; else the number of the host's CPU.</summary>
    public bool ReportsGenericTarget { get; private init; } = true;

    /// <summary>VCPU_INIT refuses the generic target on a host with a target number of its own.</summary>
    public bool AcceptsOnlyHostTarget { get; private init; }

    /// <summary>
    /// VCPU_INIT looks at feature bits in ascending order, so a bit that differs from an earlier call (EINVAL) may come before one that is
    /// unknown (ENOENT); else unknown bits come first.
    /// </summary>
    public bool FeatureBitsAreCheckedInOrder { get; private init; }

    /// <summary>The physical timer's registers are part of the register list, and are timer registers to ONE_REG.</summary>
    public bool PhysicalTimerIsListed { get; private init; } = true;

    /// <summary>TCR2_EL1, PIR_EL1 and PIRE0_EL1 exist.</summary>
    public bool HasPermissionIndirection { get; private init; } = true;

    /// <summary>
    /// Fields of ID registers may be lowered for the whole VM until it has run; then a change is EBUSY. Else a change is EINVAL at all
    /// times. The masks of what is writable can be asked for.
    /// </summary>
    public bool IdRegistersAreWritable { get; private init; } = true;

    /// <summary>MPIDR_EL1, to which a monitor may write anything, is an ID register too: only the first VCPU_INIT resets it.</summary>
    public bool MpidrIsResetOnce { get; private init; } = true;

    /// <summary>KVM_ARM_SET_COUNTER_OFFSET exists.</summary>
    public bool HasCounterOffset { get; private init; } = true;

    /// <summary>ID_AA64PFR0_EL1.CSV2 and CSV3 may be lowered where <see cref="IdRegistersAreWritable"/> is not.</summary>
    public bool SpeculationFieldsAreWritable { get; private init; }

    /// <summary>Cache geometry follows from CTR_EL0 and may be replaced; else it is the host's and fixed, and CTR and CLIDR are invariant.</summary>
    public bool CachesAreFabricated { get; private init; } = true;

    /// <summary>SMC with immediate 0 calls firmware as HVC does; else every SMC answers NOT_SUPPORTED.</summary>
    public bool SmcReachesFirmware { get; private init; } = true;

    /// <summary>KVM_REG_ARM64_SVE_VLS exists.</summary>
    public bool HasVectorLengthRegister { get; private init; } = true;

    /// <summary>SVE vCPUs run only after VCPU_FINALIZE. Without it SVE is granted silently only where the host has it.</summary>
    public bool NeedsFinalize { get; private init; } = true;

    /// <summary>PREFERRED_TARGET sets the SVE bit, whatever the host.</summary>
    public bool SveIsAskedForByDefault { get; private init; }

    /// <summary>
    /// The CORE group is a window on the bytes of struct kvm_regs: any part of it may be accessed, every word is listed, and V registers
    /// of an SVE vCPU lie in its Z registers.
    /// </summary>
    public bool CoreRegistersAreBytes { get; private init; }

    /// <summary>Malformed ids of the SVE group are EINVAL and higher slices ENOENT; else the access succeeds and moves nothing or zeros.</summary>
    public bool SveIdsAreChecked { get; private init; } = true;

    /// <summary>SET_ONE_REG of a system register that is not there is EFAULT if the data cannot be read; else ENOENT.</summary>
    public bool DataIsReadBeforeRegisterIsFound { get; private init; } = true;

    /// <summary>The host's FP state stays live until the guest's first FP trap, which saves it.</summary>
    public bool HostStateIsSavedByTrap { get; private init; }

    /// <summary>Feature bits that VCPU_INIT knows.</summary>
    public uint KnownFeatures { get; private init; } = 0x7f;

    /// <summary>KVM_REG_ARM_PSCI_VERSION of vCPUs with PSCI_0_2, until it is set.</summary>
    public ulong LatestPsci { get; private init; } = Psci.Version11;

    /// <summary>FW registers from index 0: the PSCI version, then the SMCCC workarounds.</summary>
    public int FirmwareRegisterCount { get; private init; } = 4;

    /// <summary>The bitmaps of firmware services exist.</summary>
    public bool HasFirmwareBitmaps { get; private init; } = true;

    /// <summary>KVM_CAP_ARM_NISV_TO_USER exists.</summary>
    public bool HasNisvExit { get; private init; } = true;

    /// <summary>KVM_CAP_ARM_MTE exists.</summary>
    public bool HasMemoryTagging { get; private init; } = true;

    /// <summary>KVM_MP_STATE_SUSPENDED exists.</summary>
    public bool HasSuspendedState { get; private init; } = true;

    /// <summary>KVM_CAP_ARM_VM_IPA_SIZE exists.</summary>
    public bool HasIpaSize { get; private init; } = true;

    /// <summary>The profile of a name, or null.</summary>
    public static AbiProfile? Find(string name) => All.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal));
}
