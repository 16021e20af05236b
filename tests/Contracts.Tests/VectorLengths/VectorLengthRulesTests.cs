using System.Collections.Immutable;
using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Contracts.Tests.VectorLengths;

/// <summary>The cases are measurements of KVM in v6.1 and v6.12; lengths are written as VQs there and here.</summary>
public sealed class VectorLengthRulesTests
{
    [Theory]
    [InlineData("1,2,4|1,2,4", 64, "1,2,4", "1,2,4")]
    [InlineData("1,2,4|1,2,4,8", 64, "1,2,4", "1,2,4")]
    [InlineData("1,2,4|1,2,4,6,8", 64, "1,2,4", "1,2,4")]
    [InlineData("1|1,2,4", 16, "1", "1")]
    [InlineData("1,2|1,2,3,4", 32, "1,2", "1,2")]
    [InlineData("1,2,4,8|1,2,4|1,2,4,8,16", 64, "1,2,4", "1,2,4")]
    [InlineData("1,2,4,8|1,2,3,4,8", 32, "1,2", "")]
    [InlineData("1,2,4,8|1,2,4,5,8", 64, "1,2,4", "")]
    [InlineData("1,2,4,8|1,2,4,6,8", 80, "1,2,4", "")]
    [InlineData("1,2,4,7,8|1,2,4,6,8", 80, "1,2,4", "")]
    [InlineData("1,2,4,8,16|1,2,4,8,12,16", 176, "1,2,4,8", "")]
    [InlineData("1,2,3,4|1,2,4,8", 32, "1,2", "")]
    [InlineData("1,2,4|1,2,4,8|1,2,3,4", 32, "1,2", "")]
    [InlineData("1,2,4,8|1,2,3,4,5,6,7,8", 32, "1,2", "")]
    [InlineData("1,2,4|1,2,4,8|1,2,4,6,8", 64, "1,2,4", "1,2,4")]
    public void Guests_get_the_sets_that_were_measured(string cpus, int boundBytes, string upstream, string strict)
    {
        var sets = ParseCpus(cpus);

        Assert.Equal(boundBytes * 8, VectorLengthRules.KernelBound(sets));
        Assert.Equal(ParseVqs(upstream), VectorLengthRules.Virtualisable(sets));
        Assert.Equal(ParseVqs(strict), VectorLengthRules.Virtualisable(sets, VectorLengthPolicy.StrictPrefix));
    }

    [Theory]
    [InlineData("1,2,4", "1,2,4,8", true)]
    [InlineData("1,2,4", "1,2,3,4", false)]
    [InlineData("1,2,4,8", "1,2,4", false)]
    [InlineData("1,2,4,8", "1,2,4,6,8", false)]
    [InlineData("1,2,4,8|1,2,4,6,8", "1,2,4,6,8", true)]
    [InlineData("1,2,4,8|1,2,4,6,8", "1,2,4,7,8", true)]
    [InlineData("1,2,4,8|1,2,4,6,8", "1,2,4,5,8", false)]
    public void Late_cpus_are_accepted_as_measured(string committed, string late, bool accepted) =>
        Assert.Equal(accepted, VectorLengthRules.AcceptsLateCpu(ParseCpus(committed), ParseVqs(late)));

    [Fact]
    public void The_effective_length_is_the_largest_member_up_to_what_zcr_asks_for()
    {
        var set = ParseVqs("1,2,4");

        var effective = Enumerable.Range(0, 16).Select(len => VectorLengthRules.Effective(set, len) / 128);

        Assert.Equal([1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4], effective);
    }

    [Fact]
    public void Cpus_without_sve_offer_nothing()
    {
        Assert.Empty(VectorLengthRules.Virtualisable([[]]));
        Assert.Empty(VectorLengthRules.Virtualisable([[], [128]]));
        Assert.Empty(VectorLengthRules.Virtualisable([]));
        Assert.Empty(VectorLengthRules.Virtualisable([[], [128]], VectorLengthPolicy.StrictPrefix));
    }

    [Fact]
    public void Legal_sets_are_the_prefixes_and_nothing_else()
    {
        var virtualisable = ParseVqs("1,2,4");

        Assert.Equal(["128", "128 256", "128 256 512"], VectorLengthRules.LegalSets(virtualisable).Select(s => string.Join(' ', s)));
        Assert.True(VectorLengthRules.IsLegalSet(virtualisable, [256, 128]));
        Assert.False(VectorLengthRules.IsLegalSet(virtualisable, [128, 512]));
        Assert.False(VectorLengthRules.IsLegalSet(virtualisable, [128, 256, 384]));
        Assert.False(VectorLengthRules.IsLegalSet(virtualisable, []));
        Assert.False(VectorLengthRules.IsLegalSet([], [128]));
    }

    private static List<ImmutableArray<int>> AsArrays(string cpus) => [.. cpus.Split('|').Select(ParseVqs)];

    private static IReadOnlyCollection<IReadOnlyCollection<int>> ParseCpus(string cpus) =>
        [.. AsArrays(cpus).Select(c => (IReadOnlyCollection<int>)c)];

    private static ImmutableArray<int> ParseVqs(string vqs) =>
        [.. vqs.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(vq => int.Parse(vq) * VectorLengthRules.BitsPerVq)];
}
