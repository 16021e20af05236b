using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Host;

namespace CloudVm.Hypervisor.Tests.Host;

public sealed class HostProfileTests
{
    [Theory]
    [InlineData("neoverse-n1", "none")]
    [InlineData("a64fx", "128 256 512")]
    [InlineData("neoverse-v1", "128 256")]
    [InlineData("neoverse-v2", "128")]
    [InlineData("max-pow2", "128 256 512 1024 2048")]
    [InlineData("max", "128 256 384 512 640 768 896 1024 1152 1280 1408 1536 1664 1792 1920 2048")]
    [InlineData("mixed-cluster", "128 256")]
    public void BuiltInProfilesOfferTheirLengths(string name, string lengths)
    {
        using var host = new EmulatedHost(HostProfile.BuiltIn[name]);

        Assert.Equal(lengths, host.VectorLengths.Virtualisable.ToString());
    }

    [Fact]
    public void EveryFaultOfADefinitionIsNamed()
    {
        var errors = new List<ControlProblemReason>();
        var profile = HostProfile.Create(
            new HostProfileDefinition
            {
                Name = "mine",
                Cpus =
                [
                    new HostCpuDefinition { VectorLengthsBits = [100, 256] },
                    new HostCpuDefinition { VectorLengthsBits = [128, 512], Midr = "410fd490" },
                ],
            },
            errors);

        Assert.Null(profile);
        Assert.Equal(
            ["/hostProfile/cpus/0/vectorLengthsBits", "/hostProfile/cpus/0/vectorLengthsBits", "/hostProfile/cpus/1/vectorLengthsBits", "/hostProfile/cpus/1/midr"],
            errors.Select(e => e.Pointer));
    }

    [Fact]
    public void AnUnknownNameWithoutCpusIsRefusedWithTheKnownOnes()
    {
        var errors = new List<ControlProblemReason>();

        Assert.Null(HostProfile.Create(new HostProfileDefinition { Name = "cray" }, errors));
        Assert.Contains("a64fx", Assert.Single(errors).Detail, StringComparison.Ordinal);
    }
}
