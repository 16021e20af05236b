using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Tests.Machine;

public sealed class MachineConfigurationTests
{
    [Fact]
    public void EveryFaultIsNamedAtOnce()
    {
        var errors = new List<ControlProblemReason>();
        var definition = Definition("a64fx", [128, 384]) with { CpuCount = 65, MemoryMiB = 3, AbiProfile = "xnu", VmId = Guid.Empty };

        Assert.Null(MachineConfiguration.Create(definition, errors));
        Assert.Equal(["/abiProfile", "/cpuCount", "/memoryMiB", "/vmId"], errors.Select(e => e.Pointer).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("a64fx", new[] { 128, 256, 512 }, true)]
    [InlineData("a64fx", new[] { 128, 256 }, true)]
    [InlineData("a64fx", new[] { 128, 512 }, false)]
    [InlineData("a64fx", new[] { 128, 256, 512, 1024 }, false)]
    [InlineData("mixed-cluster", new[] { 128, 256 }, true)]
    [InlineData("mixed-cluster", new[] { 128, 256, 512 }, false)]
    [InlineData("neoverse-n1", new[] { 128 }, false)]
    public void OnlyTheVirtualisableSetCutAtAMaximumIsLegal(string profile, int[] lengths, bool legal)
    {
        var errors = new List<ControlProblemReason>();
        Assert.Equal(legal, MachineConfiguration.Create(Definition(profile, lengths), errors) is not null);
        Assert.Equal(legal, errors.Count == 0);
    }

    [Fact]
    public void RefusedSetsNameTheLegalOnes()
    {
        var errors = new List<ControlProblemReason>();
        MachineConfiguration.Create(Definition("a64fx", [128, 512]), errors);
        Assert.Contains("{128}, {128 256}, {128 256 512}", Assert.Single(errors).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void AbsentSetMeansTheWholeVirtualisableOne()
    {
        var configuration = MachineConfiguration.Create(Definition("max", null), []);
        Assert.Equal(16, configuration!.VectorLengths[0].Max);
    }

    private static MachineDefinition Definition(string profile, int[]? lengths) => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = profile },
        CpuCount = 2,
        MemoryMiB = 64,
        SveEnabled = true,
        VectorLengthsBits = lengths,
        Boot = new BootSource { KernelPath = "/kernel" },
    };
}
