namespace CloudVm.Contracts;

/// <summary>What this installation can do.</summary>
public sealed record Capabilities
{
    public required string Version { get; init; }

    public required IReadOnlyList<string> AbiProfiles { get; init; }

    /// <summary>What each ABI profile offers.</summary>
    public IReadOnlyList<AbiProfileCapabilities> AbiProfileDetails { get; init; } = [];

    /// <summary>Longest SVE vector length of any emulated host.</summary>
    public int MaxVectorLengthBits { get; init; }

    public required IReadOnlyList<string> ImageKinds { get; init; }

    public required int MaxVcpus { get; init; }

    public required int MinMemoryMiB { get; init; }

    /// <summary>The largest memory that a ready node offers.</summary>
    public required int MaxMemoryMiB { get; init; }

    public required int MaxDisks { get; init; }

    public required long MaxDiskMiB { get; init; }

    /// <summary>Largest upload: 4 GiB unless the installation sets CLOUDVM_MAX_IMAGE_BYTES. A qcow2 image counts as long as its file is.</summary>
    public required long MaxImageBytes { get; init; }

    public required int SnapshotFormatVersion { get; init; }

    /// <summary>Longest <c>:wait</c>.</summary>
    public required int MaxWaitSeconds { get; init; }
}

/// <summary>What an ABI profile offers of KVM's interface for SVE.</summary>
public sealed record AbiProfileCapabilities
{
    public required string Name { get; init; }

    /// <summary>Whether VMs get it that name none.</summary>
    public required bool IsDefault { get; init; }

    /// <summary>Which generation of KVM it behaves as.</summary>
    public required string Description { get; init; }

    /// <summary>Whether a vCPU's vector lengths can be chosen (KVM_REG_ARM64_SVE_VLS).</summary>
    public required bool VectorLengthChoice { get; init; }

    /// <summary>Whether vCPUs of one VM may differ in SVE.</summary>
    public required bool MixedSve { get; init; }

    /// <summary>Whether vCPUs can have pointer authentication.</summary>
    public required bool PointerAuthentication { get; init; }
}
