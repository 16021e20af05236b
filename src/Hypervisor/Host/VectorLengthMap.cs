namespace CloudVm.Hypervisor.Host;

/// <summary>
/// The vector lengths that a host's CPUs agree on, built while they come up one after the other, and the bound that KVM puts on guests
/// (<c>sve_max_virtualisable_vl</c>).
/// </summary>
/// <remarks>
/// A length that only some CPUs have cannot be hidden from a guest by a maximum unless every larger length is hidden too: a guest that
/// asks for it gets it on one CPU and the next smaller one on another. Hence the bound lies below the smallest such length.
/// </remarks>
public sealed class VectorLengthMap
{
    private bool _first = true;

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
    public int BoundVq => Common.LargestAtMost(ArithmeticBoundVq);

    /// <summary>Lengths that vCPUs may be given.</summary>
    public VqSet Virtualisable => Common.CutAt(ArithmeticBoundVq);

    /// <summary>Takes in the probed lengths of one more early CPU.</summary>
    public void AddEarlyCpu(VqSet probed)
    {
        Common = _first ? probed : Common & probed;
        Union |= probed;
        _first = false;
    }

    /// <summary>
    /// Whether a CPU that comes up after the lengths were committed may join. Extra lengths above the bound do no harm.
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
