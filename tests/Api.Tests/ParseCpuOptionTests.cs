using System.Net;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.Client;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;

namespace CloudVm.Api.Tests;

public sealed class ParseCpuOptionTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_option_gives_lengths_and_the_profiles_that_have_them()
    {
        var parsed = await api.Client.HostProfiles.ParseAsync(new() { Cpu = "-cpu max,sve512=on,pauth-impdef=on" }, Cancelled);

        Assert.Equal(("max", true), (parsed.Model, parsed.SveEnabled));
        Assert.Equal([128, 256, 512], parsed.VectorLengthsBits);
        Assert.Null(parsed.DefaultVectorLengthBits);
        Assert.Equal(["pauth-impdef=on"], parsed.IgnoredProperties);
        Assert.Contains("a64fx", parsed.HostProfiles);
        Assert.Contains("max-pow2", parsed.HostProfiles);
        Assert.DoesNotContain("max", parsed.HostProfiles);
        Assert.DoesNotContain("neoverse-v1", parsed.HostProfiles);
    }

    [Fact]
    public async Task Without_sve_every_profile_will_do()
    {
        var parsed = await api.Client.HostProfiles.ParseAsync(new() { Cpu = "cortex-a57" }, Cancelled);

        Assert.False(parsed.SveEnabled);
        Assert.Empty(parsed.VectorLengthsBits);
        Assert.Contains("neoverse-n1", parsed.HostProfiles);
    }

    [Fact]
    public async Task Kvm_takes_the_profiles_lengths_and_user_mode_has_a_default()
    {
        var host = await api.Client.HostProfiles.ParseAsync(
            new() { Cpu = "host", Accelerator = QemuAccelerator.Kvm, HostProfile = "mixed-cluster" }, Cancelled);
        Assert.Equal([128, 256], host.VectorLengthsBits);

        var user = await api.Client.HostProfiles.ParseAsync(
            new() { Cpu = "max,sve-default-vector-length=32", Accelerator = QemuAccelerator.User }, Cancelled);
        Assert.Equal(256, user.DefaultVectorLengthBits);
    }

    [Fact]
    public async Task A_refusal_names_every_reason()
    {
        var refused = await Assert.ThrowsAsync<CloudVmApiException>(
            () => api.Client.HostProfiles.ParseAsync(new() { Cpu = "max,sve2048=on,sve512=off,sve256=off", HostProfile = "cray-1" }, Cancelled));

        Assert.Equal((HttpStatusCode.UnprocessableEntity, ProblemCodes.ValidationFailed), ((HttpStatusCode)refused.Problem.Status, refused.Problem.Code));
        Assert.Equal(
            [("/hostProfile", "unknownHostProfile"), ("/cpu", "cannotDisable"), ("/cpu", "cannotDisable")],
            refused.Problem.Errors.Select(e => (e.Pointer, e.Code)));
    }

    [Theory]
    [InlineData("{}", "/cpu", "required")]
    [InlineData("""{"cpu":5}""", "/cpu", "wrongType")]
    [InlineData("""{"cpu":"max","accelerator":"xen"}""", "/accelerator", "wrongType")]
    [InlineData("""{"cpu":"max","colour":"red"}""", "/colour", "unknownField")]
    [InlineData("""{"cpu":"z80"}""", "/cpu", "unknownModel")]
    public async Task A_body_that_does_not_fit_is_refused(string body, string pointer, string code)
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/host-profiles:parse", body);

        Assert.Equal([(pointer, code)], (await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons());
    }
}
