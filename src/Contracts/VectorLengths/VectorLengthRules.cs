using System.Collections.Immutable;

namespace CloudVm.Contracts.VectorLengths;

/// <summary>
/// Which SVE vector lengths a KVM guest can have. Lengths are in bits; a VQ is a length divided by 128.
/// The rules are those of the kernel's <c>vec_update_vq_map</c>, <c>sve_setup</c> and <c>set_sve_vls</c>.
/// </summary>
public static class VectorLengthRules
{
    /// <summary>The architecture's granule.</summary>
    public const int BitsPerVq = 128;

    /// <summary>The architecture's largest vector length.</summary>
    public const int MaxBits = 2048;

    /// <summary>Whether <paramref name="bits"/> is a vector length that the architecture knows.</summary>
    public static bool IsArchitectural(int bits) => bits is >= BitsPerVq and <= MaxBits && bits % BitsPerVq == 0;

    /// <summary>The lengths that every CPU has, ascending.</summary>
    /// <param name="cpus">Per physical CPU its vector lengths.</param>
    public static ImmutableArray<int> Common(IReadOnlyCollection<IReadOnlyCollection<int>> cpus) => [.. CommonOf(cpus)];

    /// <summary>
    /// The kernel's bound: min(largest common length, the smallest length that only some CPUs have, less one granule).
    /// Its subtraction can yield a length that no CPU has, as 640 for {1,2,4,8} beside {1,2,4,6,8} in VQs.
    /// </summary>
    /// <param name="cpus">Per physical CPU its vector lengths.</param>
    /// <returns>The bound in bits, or 0 where the CPUs have no length in common.</returns>
    public static int KernelBound(IReadOnlyCollection<IReadOnlyCollection<int>> cpus)
    {
        var common = CommonOf(cpus);
        if (common.Count == 0)
            return 0;

        var partial = cpus.SelectMany(c => c).Where(bits => !common.Contains(bits)).ToList();
        return partial.Count == 0 ? common.Max : Math.Min(common.Max, partial.Min() - BitsPerVq);
    }

    /// <summary>
    /// Every length that a guest on these CPUs can have, ascending: the common lengths up to the kernel's bound, which is
    /// thereby clamped to a length that exists.
    /// </summary>
    public static ImmutableArray<int> Virtualisable(
        IReadOnlyCollection<IReadOnlyCollection<int>> cpus,
        VectorLengthPolicy policy = VectorLengthPolicy.Upstream) => policy switch
        {
            VectorLengthPolicy.Upstream => UpToBound(cpus),
            VectorLengthPolicy.StrictPrefix => StrictPrefix(cpus),
            _ => throw new ArgumentOutOfRangeException(nameof(policy), policy, "Unknown vector-length policy."),
        };

    /// <summary>Every set that KVM_REG_ARM64_SVE_VLS accepts: the virtualisable set cut off at each member, smallest first.</summary>
    public static ImmutableArray<ImmutableArray<int>> LegalSets(ImmutableArray<int> virtualisable) =>
        [.. virtualisable.Select((_, last) => virtualisable[..(last + 1)])];

    /// <summary>Whether a vCPU may be given <paramref name="requested"/>; order and repetition do not matter.</summary>
    public static bool IsLegalSet(ImmutableArray<int> virtualisable, IEnumerable<int> requested)
    {
        var wanted = new SortedSet<int>(requested);
        return wanted.Count > 0 && wanted.SequenceEqual(virtualisable.Where(bits => bits <= wanted.Max));
    }

    /// <summary>
    /// The length a guest gets at EL1 and EL0: the largest of its set not above what ZCR_EL1.LEN asks for.
    /// </summary>
    /// <param name="set">The vCPU's set, not empty.</param>
    /// <param name="zcrLen">ZCR_EL1.LEN, 0 to 15.</param>
    public static int Effective(ImmutableArray<int> set, int zcrLen) =>
        set.Where(bits => bits <= (zcrLen + 1) * BitsPerVq).DefaultIfEmpty(set.Min()).Max();

    /// <summary>
    /// Whether a CPU that comes online after the set was committed may stay: it must have every common length, and none
    /// up to the bound that the others lack.
    /// </summary>
    public static bool AcceptsLateCpu(IReadOnlyCollection<IReadOnlyCollection<int>> cpus, IReadOnlyCollection<int> late)
    {
        var common = CommonOf(cpus);
        var bound = KernelBound(cpus);
        return common.IsSubsetOf(late) && late.All(bits => common.Contains(bits) || bits > bound);
    }

    private static ImmutableArray<int> UpToBound(IReadOnlyCollection<IReadOnlyCollection<int>> cpus)
    {
        var bound = KernelBound(cpus);
        return [.. CommonOf(cpus).Where(bits => bits <= bound)];
    }

    private static ImmutableArray<int> StrictPrefix(IReadOnlyCollection<IReadOnlyCollection<int>> cpus)
    {
        if (cpus.Count == 0)
            return [];

        var smallest = new SortedSet<int>(cpus.MinBy(c => c.DefaultIfEmpty(0).Max())!);
        if (smallest.Count == 0)
            return [];

        var isPrefixOfAll = cpus.All(c => smallest.SetEquals(c.Where(bits => bits <= smallest.Max)));
        return isPrefixOfAll ? [.. smallest] : [];
    }

    private static SortedSet<int> CommonOf(IReadOnlyCollection<IReadOnlyCollection<int>> cpus)
    {
        if (cpus.Count == 0)
            return [];

        var common = new SortedSet<int>(cpus.First());
        foreach (var cpu in cpus.Skip(1))
            common.IntersectWith(cpu);
        return common;
    }
}
