namespace CloudVm.Contracts.Vms;

/// <summary>The processors of a VM.</summary>
public sealed record CpuSpec
{
    /// <summary>The host profile used when none is named.</summary>
    public const string DefaultHostProfile = "max-pow2";

    /// <summary>Number of vCPUs, 1 to 64.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Name of the emulated host's profile.</summary>
    public string HostProfile { get; init; } = DefaultHostProfile;

    public SveSpec Sve { get; init; } = new();

    /// <summary>Which KVM the VM gets: one of <see cref="AbiProfiles.All"/>.</summary>
    public string AbiProfile { get; init; } = AbiProfiles.Linux612;

    public CpuFeatures Features { get; init; } = new();
}

/// <summary>Scalable vectors of a VM. All lengths are in bits.</summary>
public sealed record SveSpec
{
    /// <summary>Whether vCPUs have SVE. Left out in a request, they have it where the host profile offers it.</summary>
    public bool? Enabled { get; init; }

    /// <summary>The exact set; must be the profile's virtualisable set cut off at a maximum.</summary>
    public IReadOnlyList<int>? VectorLengthsBits { get; init; }

    /// <summary>Cuts the profile's virtualisable set off; must be a member of it. Excludes <see cref="VectorLengthsBits"/>.</summary>
    public int? MaxVectorLengthBits { get; init; }

    /// <summary>Overrides for single vCPUs.</summary>
    public IReadOnlyList<VcpuSveOverride>? PerCpu { get; init; }

    /// <summary>Output only: the set the VM's vCPUs get, empty without SVE. Ignored in requests.</summary>
    public IReadOnlyList<int>? EffectiveVectorLengthsBits { get; init; }
}

/// <summary>Scalable vectors of one vCPU where they differ from the VM's.</summary>
public sealed record VcpuSveOverride
{
    /// <summary>The vCPU, counted from 0.</summary>
    public int Cpu { get; init; }

    public bool? Enabled { get; init; }

    public IReadOnlyList<int>? VectorLengthsBits { get; init; }

    public int? MaxVectorLengthBits { get; init; }
}

/// <summary>Optional vCPU features, as KVM_ARM_VCPU_INIT names them.</summary>
public sealed record CpuFeatures
{
    public bool Psci { get; init; } = true;

    public bool Pmu { get; init; }

    public bool Ptrauth { get; init; }
}

/// <summary>The KVM generations that a VM can be given.</summary>
public static class AbiProfiles
{
    public const string Linux612 = "linux-6.12";
    public const string Linux61 = "linux-6.1";
    public const string Rfc2018 = "rfc-2018";

    public static IReadOnlyList<string> All { get; } = [Linux612, Linux61, Rfc2018];

    /// <summary>Which generation of KVM a profile behaves as.</summary>
    public static string Describe(string profile) => profile switch
    {
        Linux612 => "KVM of Linux 6.12: vector lengths of each vCPU can be chosen, features are the VM's, ID registers can be lowered.",
        Linux61 => "KVM of Linux 6.1: vector lengths of each vCPU can be chosen, vCPUs may differ in features, ID registers are fixed.",
        _ => "The series of June 2018 that brought SVE to guests: every SVE vCPU has all vector lengths, and nothing is finalized.",
    };

    /// <summary>Whether a vCPU can have pointer authentication, which the 2018 series did not know.</summary>
    public static bool AllowsPointerAuthentication(string profile) => profile is Linux612 or Linux61;

    /// <summary>Whether vCPUs of one VM may differ in SVE: kernel 6.12 made vCPU features VM-wide.</summary>
    public static bool AllowsMixedSve(string profile) => profile is Linux61 or Rfc2018;

    /// <summary>Whether a vCPU's set can be chosen: the 2018 series has no vector-length register, so it is always the whole set.</summary>
    public static bool AllowsVectorLengthChoice(string profile) => profile is Linux612 or Linux61;
}
