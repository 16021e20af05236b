namespace CloudVm.Contracts.VectorLengths;

/// <summary>What KVM offers on a host whose CPUs differ in vector lengths. Stored by name: a name never changes.</summary>
public enum VectorLengthPolicy
{
    /// <summary>As merged upstream: the common lengths up to the largest one that no CPU contradicts.</summary>
    Upstream = 0,

    /// <summary>The stricter rule from the review of the 2018 series: without a common prefix, no SVE for guests.</summary>
    StrictPrefix = 1,
}
