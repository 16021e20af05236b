using System.Net;
using Microsoft.AspNetCore.Mvc.Testing;

namespace CloudVm.Web.Tests;

/// <summary>The dashboard's process without an API behind it.</summary>
public sealed class HostingTests : IClassFixture<WebApplicationFactory<Program>>
{
    private readonly HttpClient _http;

    public HostingTests(WebApplicationFactory<Program> factory) =>
        _http = factory
            .WithWebHostBuilder(builder => builder.UseSetting("CLOUDVM_API_URL", "http://127.0.0.1:1"))
            .CreateClient(new WebApplicationFactoryClientOptions { AllowAutoRedirect = false });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/")]
    [InlineData("/vms")]
    [InlineData("/users")]
    [InlineData("/consoles/0193b4a0-0000-7000-8000-000000000000")]
    public async Task Strangers_are_sent_to_the_sign_in_form(string path)
    {
        using var response = await _http.GetAsync(path, Cancellation);

        Assert.Equal(HttpStatusCode.Redirect, response.StatusCode);
        Assert.Equal($"/sign-in?returnUrl={Uri.EscapeDataString(path)}", response.Headers.Location!.PathAndQuery);
    }

    [Fact]
    public async Task The_process_is_healthy_but_not_ready_without_the_API()
    {
        using var alive = await _http.GetAsync("/healthz", Cancellation);
        using var ready = await _http.GetAsync("/readyz", Cancellation);

        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
    }

    [Fact]
    public async Task Blazors_script_and_the_terminal_are_served()
    {
        foreach (var path in new[] { "/_framework/blazor.web.js", "/lib/xterm/xterm.js", "/lib/xterm/addon-fit.js", "/lib/xterm/addon-search.js", "/lib/fonts/inter.woff2" })
        {
            using var response = await _http.GetAsync(path, Cancellation);
            Assert.True(response.IsSuccessStatusCode, $"{path} answered {response.StatusCode}.");
            Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync(Cancellation));
        }
    }

    [Fact]
    public async Task Pages_cannot_be_framed_or_made_to_run_foreign_scripts()
    {
        using var response = await _http.GetAsync("/sign-in", Cancellation);

        var policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
    }

    [Fact]
    public async Task Forms_without_the_antiforgery_token_are_refused()
    {
        using var signIn = await _http.PostAsync(
            "/sign-in", new FormUrlEncodedContent(new Dictionary<string, string> { ["_handler"] = "sign-in", ["Form.User"] = "admin", ["Form.Password"] = "x" }), Cancellation);
        using var signOut = await _http.PostAsync("/sign-out", new FormUrlEncodedContent(new Dictionary<string, string> { ["reason"] = "" }), Cancellation);

        Assert.Equal(HttpStatusCode.BadRequest, signIn.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, signOut.StatusCode);
    }
}
