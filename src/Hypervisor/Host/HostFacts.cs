namespace CloudVm.Hypervisor.Host;

/// <summary>
/// What KVM's interface asks about a host besides vector lengths and MIDR. The interface follows these facts even where the engine cannot
/// execute what they promise: VCPU_INIT then accepts the feature, and RUN fails with <c>EOPNOTSUPP</c>.
/// </summary>
public sealed record HostFacts
{
    /// <summary>A host of which the engine executes everything: AArch64 only, no PMU, no memory tagging.</summary>
    public static HostFacts Default { get; } = new();

    /// <summary>AArch32 at EL0 (ID_AA64PFR0_EL1.EL0 is 2).</summary>
    public bool AArch32El0 { get; init; }

    /// <summary>AArch32 at EL1 (ID_AA64PFR0_EL1.EL1 is 2), which needs <see cref="AArch32El0"/> in hardware.</summary>
    public bool AArch32El1 { get; init; }

    /// <summary>A performance monitor of version 3, so that vCPUs may have one.</summary>
    public bool Pmu { get; init; }

    /// <summary>FEAT_MTE2: VMs may have memory tagging.</summary>
    public bool Mte { get; init; }

    /// <summary>Address and generic pointer authentication, if the engine has them too.</summary>
    public bool PointerAuthentication { get; init; } = true;

    /// <summary>FEAT_RAS: an SError may carry a syndrome.</summary>
    public bool Ras { get; init; }

    /// <summary>
    /// Caches from level 1 up that CLIDR_EL1 describes: data, instruction, then one unified cache a level. 0 to 8; old kernels list one
    /// DEMUX register for each.
    /// </summary>
    public int CacheCount
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 8);
            field = value;
        }
    } = 3;
}
