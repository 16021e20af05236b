using System.Net;
using System.Text;
using CloudVm.Api.Shared.RateLimits;
using CloudVm.Api.Tests.Harness;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Storage.Entities;
using Microsoft.AspNetCore.Http;

namespace CloudVm.Api.Tests;

/// <summary>What holds for every address, and the small resources.</summary>
public sealed class ProtocolTests(ApiServer api) : IClassFixture<ApiServer>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Unknown_addresses_methods_and_media_types_are_problems_too()
    {
        var address = await api.Http.SendJsonAsync(HttpMethod.Get, "/no-such-thing");
        var method = await api.Http.SendJsonAsync(HttpMethod.Put, "/vms", "{}");
        var media = await api.Http.PostAsync("/api/v1/vms", new StringContent("a=b", Encoding.UTF8, "application/x-www-form-urlencoded"), Cancelled);

        Assert.Equal(ProblemCodes.NotFound, (await address.ReadProblemAsync(HttpStatusCode.NotFound)).Code);
        Assert.Equal(ProblemCodes.MethodNotAllowed, (await method.ReadProblemAsync(HttpStatusCode.MethodNotAllowed)).Code);
        Assert.Equal(ProblemCodes.UnsupportedMediaType, (await media.ReadProblemAsync(HttpStatusCode.UnsupportedMediaType)).Code);
    }

    [Fact]
    public async Task A_body_beyond_the_bound_is_refused()
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", $$"""{"description":"{{new string('x', 2 * 1024 * 1024)}}"}""");

        Assert.Equal(ProblemCodes.TooLarge, (await response.ReadProblemAsync(HttpStatusCode.RequestEntityTooLarge)).Code);
    }

    [Fact]
    public async Task Json_nested_too_deeply_is_refused_and_not_followed()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"cpu\":", 500)) + "1" + new string('}', 500);

        await (await api.Http.SendJsonAsync(HttpMethod.Post, "/vms", deep)).ReadProblemAsync(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Answers_say_how_many_requests_are_left()
    {
        var response = await api.Http.SendJsonAsync(HttpMethod.Get, "/me");

        var limit = int.Parse(response.Headers.GetValues("RateLimit-Limit").Single());
        Assert.InRange(int.Parse(response.Headers.GetValues("RateLimit-Remaining").Single()), 0, limit - 1);
        Assert.InRange(int.Parse(response.Headers.GetValues("RateLimit-Reset").Single()), 1, 10);
    }

    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_come_back()
    {
        var time = new SteppedTime();
        var settings = new ApiSettings { Database = "", ApiUrl = "", WebUrl = "", AnonymousRequestsPerWindow = 3 };
        var passed = 0;
        var limits = new RateLimiting(
            _ =>
            {
                passed++;
                return Task.CompletedTask;
            },
            settings,
            time);
        async Task<HttpContext> AskAsync(string address)
        {
            var context = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Parse(address) } };
            await limits.InvokeAsync(context);
            return context;
        }

        for (var i = 0; i < 3; i++)
            Assert.Equal(200, (await AskAsync("10.0.0.1")).Response.StatusCode);
        var refused = await AskAsync("10.0.0.1");
        var other = await AskAsync("10.0.0.2");
        time.Now += TimeSpan.FromSeconds(10);
        var later = await AskAsync("10.0.0.1");

        Assert.Equal((429, 200, 200, 5), (refused.Response.StatusCode, other.Response.StatusCode, later.Response.StatusCode, passed));
        Assert.Equal(("0", "10"), ((string?)refused.Response.Headers["RateLimit-Remaining"], (string?)refused.Response.Headers.RetryAfter));
    }

    [Fact]
    public async Task Health_and_readiness_need_no_token()
    {
        using var http = api.NewHttp();

        Assert.Equal("ok", await http.GetStringAsync("/healthz", Cancelled));
        Assert.Equal("ready", await http.GetStringAsync("/readyz", Cancelled));
    }

    [Fact]
    public async Task Capabilities_follow_the_largest_node()
    {
        await using (var context = api.NewContext())
        {
            context.Nodes.Add(new NodeEntity
            {
                Id = Guid.CreateVersion7(),
                Name = Requests.UniqueName("node"),
                Url = "http://127.0.0.1:1",
                SecretHash = new byte[32],
                Version = "1",
                MemoryMiB = 2048,
                LastHeartbeatAt = DateTimeOffset.UtcNow,
            });
            await context.SaveChangesAsync(Cancelled);
        }

        var capabilities = await api.Client.GetCapabilitiesAsync(Cancelled);
        var response = await api.Http.SendJsonAsync(
            HttpMethod.Post, "/vms", $$"""{"name":"{{Requests.UniqueName()}}","image":"hello-sve","memoryMiB":2049}""");

        Assert.Equal((2048, 64, 120), (capabilities.MaxMemoryMiB, capabilities.MaxVcpus, capabilities.MaxWaitSeconds));
        Assert.Contains("2048", Assert.Single((await response.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cordoned_node_shows_it()
    {
        await using var context = api.NewContext();
        var node = new NodeEntity
        {
            Id = Guid.CreateVersion7(),
            Name = Requests.UniqueName("node"),
            Url = "http://127.0.0.1:1",
            SecretHash = new byte[32],
            Version = "1",
            MemoryMiB = 1024,
            LastHeartbeatAt = DateTimeOffset.UtcNow,
        };
        context.Nodes.Add(node);
        await context.SaveChangesAsync(Cancelled);

        Assert.Equal("Cordoned", (await api.Client.Nodes.CordonAsync(node.Id, Cancelled)).State.ToString());
        Assert.Equal("Ready", (await api.Client.Nodes.UncordonAsync(node.Id, Cancelled)).State.ToString());
    }

    [Fact]
    public async Task Built_in_host_profiles_offer_what_the_documentation_says()
    {
        var page = await api.Client.HostProfiles.ListAsync(cancellationToken: Cancelled);

        var offers = page.Items.Where(p => p.BuiltIn).ToDictionary(p => p.Name, p => string.Join(' ', p.VirtualisableVectorLengthsBits));
        Assert.Equal(
            new Dictionary<string, string>
            {
                ["neoverse-n1"] = "",
                ["a64fx"] = "128 256 512",
                ["neoverse-v1"] = "128 256",
                ["neoverse-v2"] = "128",
                ["max-pow2"] = "128 256 512 1024 2048",
                ["max"] = string.Join(' ', Enumerable.Range(1, 16).Select(vq => vq * 128)),
                ["mixed-cluster"] = "128 256",
            },
            offers);
    }

    [Fact]
    public async Task An_administrators_host_profile_is_checked_and_serves()
    {
        var refused = await api.Http.SendJsonAsync(
            HttpMethod.Post, "/host-profiles", """{"name":"max","cpus":[{"vectorLengthsBits":[128,512]},{"vectorLengthsBits":[100]}]}""");
        var created = await api.Client.HostProfiles.CreateAsync(
            new HostProfileDefinition
            {
                Name = "odd-pair",
                Cpus = [new HostCpu { VectorLengthsBits = [1024, 512, 256, 128] }, new HostCpu { VectorLengthsBits = [128, 256, 512, 768, 1024] }],
                VectorLengthPolicy = VectorLengthPolicy.Upstream,
            },
            cancellationToken: Cancelled);

        Assert.Equal(
            [("/cpus/0/vectorLengthsBits", "missingPowerOfTwo"), ("/cpus/1/vectorLengthsBits/0", "notAVectorLength"), ("/name", "nameTaken")],
            (await refused.ReadProblemAsync(HttpStatusCode.UnprocessableEntity)).Reasons().Order());
        Assert.Equal([128, 256, 512], created.VirtualisableVectorLengthsBits);
        await api.Client.HostProfiles.DeleteAsync("odd-pair", cancellationToken: Cancelled);
        await (await api.Http.SendJsonAsync(HttpMethod.Delete, "/host-profiles/max")).ReadProblemAsync(HttpStatusCode.Conflict);
    }

    private sealed class SteppedTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UnixEpoch;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
