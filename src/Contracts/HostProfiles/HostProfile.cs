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

    /// <summary>The lengths that every CPU has, ascending, in bits.</summary>
    public IReadOnlyList<int> CommonVectorLengthsBits { get; init; } = [];

    /// <summary>The lengths that only some CPUs have, ascending, in bits.</summary>
    public IReadOnlyList<int> PartialVectorLengthsBits { get; init; } = [];

    /// <summary>
    /// The kernel's bound on guests in bits, 0 without SVE. It is arithmetic, so it need not be a length that any CPU has; guests get the
    /// common lengths up to it.
    /// </summary>
    public int MaximumVirtualisableVectorLengthBits { get; init; }

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

/// <summary>Body of <c>POST /host-profiles:parse</c>.</summary>
public sealed record ParseCpuOptionRequest
{
    /// <summary>The value of QEMU's <c>-cpu</c> option, such as <c>max,sve512=on</c>; a leading <c>-cpu</c> is skipped.</summary>
    public string? Cpu { get; init; }

    /// <summary>Whose rules count.</summary>
    public QemuAccelerator Accelerator { get; init; }

    /// <summary>Under KVM: the host profile whose lengths KVM reports. Absent: the default profile.</summary>
    public string? HostProfile { get; init; }
}

/// <summary>What a <c>-cpu</c> option of QEMU's means here.</summary>
public sealed record ParsedCpuOption
{
    /// <summary>QEMU's CPU model.</summary>
    public required string Model { get; init; }

    /// <summary>Whether the CPU has SVE.</summary>
    public required bool SveEnabled { get; init; }

    /// <summary>Vector lengths in bits, ascending; empty without SVE.</summary>
    public required IReadOnlyList<int> VectorLengthsBits { get; init; }

    /// <summary>With user-mode emulation: the length in bits that a program starts with.</summary>
    public int? DefaultVectorLengthBits { get; init; }

    /// <summary>Properties of QEMU's that say nothing about vector lengths, as written; they have no effect here.</summary>
    public required IReadOnlyList<string> IgnoredProperties { get; init; }

    /// <summary>Names of the host profiles on which a vCPU can have exactly these lengths, in alphabetical order.</summary>
    public required IReadOnlyList<string> HostProfiles { get; init; }
}
