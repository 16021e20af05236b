using System.Globalization;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Tests.Host;

/// <summary>The bound that KVM puts on guests' vector lengths, against what running kernels committed.</summary>
public sealed class VectorLengthMapTests
{
    /// <summary>CPU sets, the kernel's bound in bytes, the guest set.</summary>
    public static TheoryData<string, int, string> Measured => new()
    {
        { "1,2,4/1,2,4", 64, "1,2,4" },
        { "1,2,4/1,2,4,8", 64, "1,2,4" },
        { "1,2,4/1,2,4,6,8", 64, "1,2,4" },
        { "1/1,2,4", 16, "1" },
        { "1,2/1,2,3,4", 32, "1,2" },
        { "1,2,4,8/1,2,4/1,2,4,8,16", 64, "1,2,4" },
        { "1,2,4,8/1,2,3,4,8", 32, "1,2" },
        { "1,2,4,8/1,2,4,5,8", 64, "1,2,4" },
        { "1,2,4,8/1,2,4,6,8", 80, "1,2,4" },
        { "1,2,4,7,8/1,2,4,6,8", 80, "1,2,4" },
        { "1,2,4,8,16/1,2,4,8,12,16", 176, "1,2,4,8" },
        { "1,2,3,4/1,2,4,8", 32, "1,2" },
        { "1,2,4/1,2,4,8/1,2,3,4", 32, "1,2" },
        { "1,2,4,8/1,2,3,4,5,6,7,8", 32, "1,2" },
        { "1,2,4/1,2,4,8/1,2,4,6,8", 64, "1,2,4" },
    };

    [Theory]
    [MemberData(nameof(Measured))]
    public void BoundAndGuestSetAreTheKernels(string cpus, int boundBytes, string guest)
    {
        var map = Committed(cpus);
        var expected = Set(guest);

        Assert.Equal(boundBytes, map.ArithmeticBoundVq * 16);
        Assert.Equal(expected, map.Virtualisable);
        Assert.Equal(expected.Max, map.BoundVq);
    }

    [Theory]
    [InlineData("1,2,4", "1,2,4,8", true)]
    [InlineData("1,2,4", "1,2,3,4", false)]
    [InlineData("1,2,4,8", "1,2,4", false)]
    [InlineData("1,2,4,8", "1,2,4,6,8", false)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,6,8", true)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,7,8", true)]
    [InlineData("1,2,4,8/1,2,4,6,8", "1,2,4,5,8", false)]
    public void LateCpusAreAcceptedAsByTheKernel(string committed, string late, bool accepted) =>
        Assert.Equal(accepted, Committed(committed).RejectLateCpu(Set(late)) is null);

    [Fact]
    public void AHostWithOneCpuWithoutSveHasNone()
    {
        var map = Committed("1,2,4");
        map.AddEarlyCpu(VqSet.Empty);

        Assert.True(map.Virtualisable.IsEmpty);
        Assert.Equal(0, map.BoundVq);
    }

    [Theory]
    [MemberData(nameof(Measured))]
    public void ProbingFindsExactlyWhatACpuImplements(string cpus, int boundBytes, string guest)
    {
        _ = boundBytes;
        var sets = cpus.Split('/').Select(Set).ToArray();
        using var host = new EmulatedHost(new HostProfile("test", [.. sets.Select(s => new HostCpuProfile(s, 0))]));

        Assert.Equal(sets, host.Cpus.Select(c => c.ProbeVectorLengths()));
        Assert.Equal(Set(guest), host.VectorLengths.Virtualisable);
    }

    [Fact]
    public void AParkedLateCpuDoesNotJoin()
    {
        using var host = new EmulatedHost(new HostProfile("test", [new HostCpuProfile(VqSet.Of(1, 2, 4), 0)]));

        Assert.NotNull(host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2), 0)));
        Assert.Single(host.Cpus);
        Assert.Null(host.OnlineLateCpu(new HostCpuProfile(VqSet.Of(1, 2, 4, 8), 0)));
        Assert.Equal(2, host.Cpus.Count);
    }

    private static VectorLengthMap Committed(string cpus)
    {
        var map = new VectorLengthMap();
        foreach (var cpu in cpus.Split('/'))
            map.AddEarlyCpu(Set(cpu));
        return map;
    }

    private static VqSet Set(string text) =>
        VqSet.Of([.. text.Split(',').Select(vq => int.Parse(vq, CultureInfo.InvariantCulture))]);
}
