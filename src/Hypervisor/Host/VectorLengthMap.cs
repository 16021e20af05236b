using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Hypervisor.Host;

/// <summary>
/// The vector lengths that a host's CPUs agree on, built while they come up one after the other, and the bound that KVM puts on guests
/// (<c>sve_max_virtualisable_vl</c>).
/// </summary>
/// <remarks>
/// A length that only some CPUs have cannot be hidden from a guest by a maximum unless every larger length is hidden too: a guest that
/// asks for it gets it on one CPU and the next smaller one on another. Hence the bound lies below the smallest such length.
/// </remarks>
/// <param name="policy">What guests get where CPUs differ.</param>
public sealed class VectorLengthMap(VectorLengthPolicy policy = VectorLengthPolicy.Upstream)
{
    private bool _first = true;
    private int _smallestMaximum;

    /// <summary>The lengths of a profile's CPUs, as if each had been probed.</summary>
    public static VectorLengthMap Of(HostProfile profile)
    {
        var map = new VectorLengthMap(profile.VectorLengthPolicy);
        foreach (var cpu in profile.Cpus)
            map.AddEarlyCpu(cpu.VectorLengths);
        return map;
    }

    /// <summary>What guests get where CPUs differ.</summary>
    public VectorLengthPolicy Policy => policy;

    /// <summary>Lengths that every CPU has.</summary>
    public VqSet Common { get; private set; }

    /// <summary>Lengths that some CPU has.</summary>
    public VqSet Union { get; private set; }

    /// <summary>Lengths that some CPU has and some CPU lacks.</summary>
    public VqSet Partial => Union - Common;

    /// <summary>
    /// The kernel's bound as a VQ: min(max(Common), min(Partial) - 1), 0 without SVE. Being arithmetic, it need not be a length that
    /// any CPU has.
    /// </summary>
    public int ArithmeticBoundVq
    {
        get
        {
            var max = Common.Max;
            return Partial.IsEmpty ? max : Math.Min(max, Partial.Min - 1);
        }
    }

    /// <summary>
    /// The bound that guests get: the largest common length not above <see cref="ArithmeticBoundVq"/>. The kernel uses the arithmetic
    /// value itself and then kills the virtual machine monitor at the first save of a default vCPU; the clamp is our one departure.
    /// </summary>
    public int BoundVq => Virtualisable.Max;

    /// <summary>
    /// Lengths that vCPUs may be given; empty where KVM has no SVE to offer. The strict policy from the review of the 2018 series wants the
    /// lengths of the CPU with the smallest maximum to be a prefix of every other CPU's, and offers nothing otherwise; the kernel's bound is
    /// as it is under either.
    /// </summary>
    public VqSet Virtualisable => policy switch
    {
        VectorLengthPolicy.StrictPrefix => Partial.CutAt(_smallestMaximum).IsEmpty ? Common.CutAt(_smallestMaximum) : VqSet.Empty,
        _ => Common.CutAt(ArithmeticBoundVq),
    };

    /// <summary>Takes in the probed lengths of one more early CPU.</summary>
    public void AddEarlyCpu(VqSet probed)
    {
        Common = _first ? probed : Common & probed;
        _smallestMaximum = _first ? probed.Max : Math.Min(_smallestMaximum, probed.Max);
        Union |= probed;
        _first = false;
    }

    /// <summary>
    /// Whether a CPU that comes up after the lengths were committed may join (vec_verify_vq_map). Extra lengths above the bound do no harm.
    /// </summary>
    /// <returns>Null, or why the CPU must stay parked.</returns>
    public string? RejectLateCpu(VqSet probed)
    {
        var missing = Common - probed;
        if (!missing.IsEmpty)
            return $"it lacks the committed vector lengths {missing}";
        var extra = (probed - Common).CutAt(ArithmeticBoundVq);
        return extra.IsEmpty ? null : $"it has the vector lengths {extra} within the virtualisable bound, which the committed CPUs lack";
    }
}
