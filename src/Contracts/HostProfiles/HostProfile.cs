using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Contracts.HostProfiles;

/// <summary>An emulated Arm host: its CPUs with their vector lengths, and what KVM on it can offer to guests.</summary>
public sealed record HostProfile
{
    public required string Name { get; init; }

    public required bool BuiltIn { get; init; }

    public string? Description { get; init; }

    public required IReadOnlyList<HostCpu> Cpus { get; init; }

    public required VectorLengthPolicy VectorLengthPolicy { get; init; }

    /// <summary>Every length a guest can have, ascending, in bits; empty where KVM offers no SVE.</summary>
    public required IReadOnlyList<int> VirtualisableVectorLengthsBits { get; init; }

    /// <summary>Every set a vCPU may be given: the virtualisable set cut off at each of its members.</summary>
    public required IReadOnlyList<IReadOnlyList<int>> LegalVectorLengthSets { get; init; }

    public required int MaxVcpus { get; init; }

    /// <summary>The ETag's value without quotes.</summary>
    public required string Etag { get; init; }
}

/// <summary>One physical CPU of an emulated host.</summary>
public sealed record HostCpu
{
    /// <summary>Its vector lengths in bits, ascending; empty without SVE.</summary>
    public IReadOnlyList<int> VectorLengthsBits { get; init; } = [];
}

/// <summary>Body of <c>POST /host-profiles</c>.</summary>
public sealed record HostProfileDefinition
{
    public string? Name { get; init; }

    public string? Description { get; init; }

    /// <summary>1 to 64 physical CPUs.</summary>
    public IReadOnlyList<HostCpu>? Cpus { get; init; }

    public VectorLengthPolicy VectorLengthPolicy { get; init; }
}
