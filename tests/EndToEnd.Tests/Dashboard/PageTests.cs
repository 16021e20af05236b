using System.Net;
using System.Net.WebSockets;
using CloudVm.Contracts.Vms;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace CloudVm.EndToEnd.Tests.Dashboard;

/// <summary>Every page, in both themes, on a wide screen and on a phone; and what the dashboard must never give away.</summary>
public sealed class PageTests(RunningInstallation cloud, ChromiumFixture chromium) : IClassFixture<ChromiumFixture>
{
    private static readonly string[] VmTabs = ["console", "overview", "registers", "snapshots", "schedules", "events", "definition"];

    private static readonly (string Path, string Heading)[] Pages =
    [
        ("/", "Overview"), ("/vms", "Virtual machines"), ("/vms/new", "Create a virtual machine"), ("/snapshots", "Snapshots"), ("/images", "Images"),
        ("/nodes", "Nodes"), ("/events", "Events"), ("/users", "Users"), ("/account", "Account and tokens"), ("/nothing-here", "Not found"),
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ColorScheme.Light, false)]
    [InlineData(ColorScheme.Dark, false)]
    [InlineData(ColorScheme.Light, true)]
    [InlineData(ColorScheme.Dark, true)]
    public async Task Every_page_is_accessible_and_fits_its_window(ColorScheme theme, bool phone)
    {
        var vm = await RunningVmAsync($"pages-{theme}-{(phone ? "phone" : "wide")}".ToLowerInvariant());
        var kind = $"{theme}-{(phone ? "phone" : "wide")}".ToLowerInvariant();
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation, theme, phone);
        await dashboard.Page.GotoAsync("/");
        await Expect(dashboard.Page.GetByLabel("Password")).ToBeVisibleAsync();
        await CheckAsync(dashboard, $"{kind}-sign-in");
        await dashboard.SignInAsync();
        Assert.Equal(theme.ToString().ToLowerInvariant(), await dashboard.Page.EvaluateAsync<string>("document.documentElement.dataset.theme"));

        foreach (var (path, heading) in Pages)
        {
            await dashboard.Page.GotoAsync(path);
            await dashboard.HeadingAsync(heading);
            await SettledAsync(dashboard.Page);
            await CheckAsync(dashboard, $"{kind}-{(path == "/" ? "overview" : path.Trim('/').Replace('/', '-'))}");
        }

        foreach (var tab in VmTabs)
        {
            await dashboard.Page.GotoAsync($"/vms/{vm.Id}/{tab}");
            await dashboard.HeadingAsync(vm.Name);
            await SettledAsync(dashboard.Page);
            await CheckAsync(dashboard, $"{kind}-vm-{tab}");
        }

        await dashboard.Page.Keyboard.PressAsync("Escape");
        await dashboard.Page.GetByRole(AriaRole.Button, new() { Name = "Operations" }).ClickAsync();
        await Expect(dashboard.Page.GetByRole(AriaRole.Dialog, new() { Name = "Operations" })).ToBeVisibleAsync();
        await CheckAsync(dashboard, $"{kind}-operations");
        Assert.Empty(dashboard.Errors);
    }

    [Fact]
    public async Task The_theme_that_was_chosen_is_remembered()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation, ColorScheme.Light);
        await dashboard.SignInAsync();
        await dashboard.Page.GetByRole(AriaRole.Button, new() { Name = "Use the dark theme" }).ClickAsync();
        await Expect(dashboard.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await dashboard.Page.ReloadAsync();
        await Expect(dashboard.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
    }

    [Fact]
    public async Task A_list_shows_what_others_do_without_being_reloaded()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        await dashboard.SignInAsync();
        await dashboard.Page.GotoAsync("/vms?q=seen-live");
        await Expect(dashboard.Page.GetByText("Nothing matches")).ToBeVisibleAsync();

        var vm = await RunningVmAsync("seen-live");

        var row = dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "seen-live" });
        await Expect(row.GetByText("Running", new() { Exact = true })).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await cloud.Api.Operations.WaitForEndAsync((await cloud.Api.Vms.StopAsync(vm.Id, cancellationToken: Cancellation)).Id, Cancellation);
        await Expect(row.GetByText("Stopped", new() { Exact = true })).ToBeVisibleAsync(new() { Timeout = 30_000 });
    }

    [Fact]
    public async Task Two_viewers_see_the_same_console_and_both_may_type()
    {
        var vm = await RunningVmAsync("two-viewers");
        await using var first = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        await using var second = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        foreach (var viewer in new[] { first, second })
        {
            await viewer.SignInAsync();
            await viewer.Page.GotoAsync($"/vms/{vm.Id}/console");
            await viewer.TerminalUntilAsync(t => t.TrimEnd().EndsWith("\n>", StringComparison.Ordinal), "the prompt", Cancellation);
        }

        await first.Page.Locator(".xterm").ClickAsync();
        await first.Page.Keyboard.TypeAsync("vl 256");
        await first.Page.Keyboard.PressAsync("Enter");
        await second.TerminalUntilAsync(t => t.Contains("vl 256", StringComparison.Ordinal), "what the first viewer typed", Cancellation);

        await second.Page.GetByRole(AriaRole.Button, new() { Name = "Reconnect" }).ClickAsync();
        await second.TerminalUntilAsync(t => t.Contains("vl 256", StringComparison.Ordinal) && t.Contains("VL LEN=15", StringComparison.Ordinal), "the replay", Cancellation);
    }

    [Fact]
    public async Task The_browser_never_gets_an_API_token()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        await dashboard.SignInAsync();
        var cookies = await dashboard.Page.Context.CookiesAsync();
        var session = Assert.Single(cookies, c => c.Name == "cloudvm-session");
        Assert.True(session.HttpOnly);
        Assert.Equal(0, await dashboard.Page.EvaluateAsync<int>("Object.keys(localStorage).filter(k => k !== 'cloudvm.theme').length + sessionStorage.length"));

        // The cookie is no credential for the API.
        using var http = new HttpClient { BaseAddress = cloud.Installation.ApiUrl };
        foreach (var (name, value) in new[] { ("Authorization", $"Bearer {session.Value}"), ("Cookie", $"cloudvm-session={session.Value}") })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/me");
            request.Headers.TryAddWithoutValidation(name, value);
            using var response = await http.SendAsync(request, Cancellation);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Fact]
    public async Task Signing_out_ends_every_window_of_the_session()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        await dashboard.SignInAsync();
        var other = await dashboard.Page.Context.NewPageAsync();
        await other.GotoAsync("/vms");
        await Expect(other.GetByRole(AriaRole.Heading, new() { Name = "Virtual machines", Level = 1 })).ToBeVisibleAsync();

        await dashboard.Page.GetByRole(AriaRole.Button, new() { Name = "Account of admin" }).ClickAsync();
        await dashboard.Page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();

        await Expect(dashboard.Page.GetByLabel("Password")).ToBeVisibleAsync();
        await Expect(other.GetByLabel("Password")).ToBeVisibleAsync(new() { Timeout = 30_000 });
    }

    [Theory]
    [InlineData(true, "http://elsewhere.example", HttpStatusCode.Forbidden)]
    [InlineData(true, null, HttpStatusCode.Forbidden)]
    [InlineData(false, "self", HttpStatusCode.Unauthorized)]
    public async Task A_console_is_refused_to_other_origins_and_to_strangers(bool signedIn, string? origin, HttpStatusCode expected)
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        await dashboard.SignInAsync();
        var session = (await dashboard.Page.Context.CookiesAsync()).Single(c => c.Name == "cloudvm-session");
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (signedIn)
            socket.Options.SetRequestHeader("Cookie", $"{session.Name}={session.Value}");
        if (origin is not null)
            socket.Options.SetRequestHeader("Origin", origin == "self" ? cloud.Installation.WebUrl.GetLeftPart(UriPartial.Authority) : origin);
        var address = new UriBuilder(new Uri(cloud.Installation.WebUrl, $"consoles/{Guid.NewGuid()}")) { Scheme = "ws" }.Uri;

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(address, Cancellation));

        Assert.Equal(expected, socket.HttpStatusCode);
    }

    private static Task SettledAsync(IPage page) => Expect(page.GetByText("Loading", new() { Exact = true })).ToHaveCountAsync(0, new() { Timeout = 30_000 });

    private static async Task CheckAsync(DashboardPage dashboard, string name)
    {
        await dashboard.ScreenshotAsync(name);
        await dashboard.AssertAccessibleAsync(name);
        await dashboard.AssertFitsAsync(name);
    }

    private async Task<Vm> RunningVmAsync(string name)
    {
        var vm = await cloud.Api.Vms.CreateAsync(new VmDefinition { Name = name, Image = "hello-sve", MemoryMiB = 16 }, cancellationToken: Cancellation);
        var started = await cloud.Api.Operations.WaitForEndAsync((await cloud.Api.Vms.StartAsync(vm.Id, cancellationToken: Cancellation)).Id, Cancellation);
        Assert.True(started.Problem is null, $"{name} did not start: {started.Problem?.Title} {started.Problem?.Detail}");
        return vm;
    }
}
