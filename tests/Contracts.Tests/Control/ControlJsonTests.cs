using System.Text.Json;
using CloudVm.Contracts.Control;

namespace CloudVm.Contracts.Tests.Control;

public sealed class ControlJsonTests
{
    [Fact]
    public void AbsentOptionalMembersKeepTheirDefaults()
    {
        const string Json = """
            {"vmId":"0198a000-0000-7000-8000-000000000001","hostProfile":{"name":"max-pow2"},"cpuCount":1,"memoryMiB":64,
             "boot":{"kernelPath":"/k"}}
            """;

        var definition = JsonSerializer.Deserialize(Json, ControlJsonContext.Default.MachineDefinition);

        Assert.NotNull(definition);
        Assert.Equal("linux-6.12", definition.AbiProfile);
        Assert.Null(definition.VectorLengthsBits);
        Assert.Null(definition.HostProfile.Cpus);
    }

    [Fact]
    public void ProblemWithoutErrorsHasAnEmptyList()
    {
        var problem = JsonSerializer.Deserialize(
            """{"title":"t","status":409,"code":"stale-epoch","epoch":7}""", ControlJsonContext.Default.ControlProblem);

        Assert.NotNull(problem);
        Assert.Empty(problem.Errors);
        Assert.Equal("about:blank", problem.Type);
        Assert.Equal(7, problem.Epoch);
    }

    [Fact]
    public void UnknownMembersAreRefused() =>
        Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize("""{"force":true,"colour":1}""", ControlJsonContext.Default.StopRequest));
}
