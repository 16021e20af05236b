using System.Globalization;
using CloudVm.Testing;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace CloudVm.EndToEnd.Tests.Dashboard;

/// <summary>A browser window on the dashboard, with what tests do in it again and again.</summary>
internal sealed class DashboardPage : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly string[] SeriousImpacts = ["serious", "critical"];

    private readonly IBrowserContext _context;
    private readonly Installation _installation;
    private readonly List<string> _errors = [];

    private DashboardPage(IBrowserContext context, IPage page, Installation installation)
    {
        _context = context;
        _installation = installation;
        Page = page;
        page.SetDefaultTimeout((float)Deadline.TotalMilliseconds);
        page.PageError += (_, error) => _errors.Add(error);
    }

    public IPage Page { get; }

    /// <summary>Script errors that the pages have raised.</summary>
    public IReadOnlyList<string> Errors => _errors;

    /// <summary>Opens a window; <paramref name="phone"/> makes it 375 pixels wide.</summary>
    public static async Task<DashboardPage> OpenAsync(IBrowser browser, Installation installation, ColorScheme theme = ColorScheme.Light, bool phone = false)
    {
        var context = await browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = installation.WebUrl.ToString(),
            ColorScheme = theme,
            ReducedMotion = ReducedMotion.Reduce,
            ViewportSize = phone ? new ViewportSize { Width = 375, Height = 740 } : new ViewportSize { Width = 1360, Height = 860 },
        });
        return new DashboardPage(context, await context.NewPageAsync(), installation);
    }

    /// <summary>Signs in with the mouse and waits for the overview.</summary>
    public async Task SignInAsync()
    {
        await Page.GotoAsync("/");
        await Page.GetByLabel("User name").FillAsync("admin");
        await Page.GetByLabel("Password").FillAsync(_installation.AdministratorPassword);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await HeadingAsync("Overview");
    }

    /// <summary>Waits for the page with this heading.</summary>
    public Task HeadingAsync(string name) =>
        Assertions.Expect(Page.GetByRole(AriaRole.Heading, new() { Name = name, Level = 1 })).ToBeVisibleAsync(new() { Timeout = (float)Deadline.TotalMilliseconds });

    /// <summary>Opens a tab of a VM's page.</summary>
    public Task TabAsync(string name) => Page.GetByRole(AriaRole.Tab, new() { Name = name, Exact = true }).ClickAsync();

    /// <summary>Presses Tab, or Shift+Tab, until the element has the focus, as somebody without a mouse would.</summary>
    public async Task TabToAsync(ILocator target, bool backwards = false)
    {
        const int Most = 80;
        await target.WaitForAsync();
        for (var i = 0; i < Most; i++)
        {
            if (await target.EvaluateAsync<bool>("e => e === document.activeElement"))
                return;
            await Page.Keyboard.PressAsync(backwards ? "Shift+Tab" : "Tab");
        }

        Assert.Fail($"{target} cannot be reached with the Tab key; the focus is at {await Page.EvaluateAsync<string>("document.activeElement?.outerHTML?.slice(0, 200) ?? ''")}.");
    }

    /// <summary>All that the terminal holds, scrollback included.</summary>
    public Task<string> TerminalAsync() =>
        Page.EvaluateAsync<string>("document.querySelector('[data-console=screen]')?.bufferText?.() ?? ''");

    /// <summary>Waits until the terminal's text meets a condition.</summary>
    public async Task<string> TerminalUntilAsync(Func<string, bool> condition, string what, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var text = await TerminalAsync();
            if (condition(text))
                return text;
            Assert.True(TimeProvider.System.GetElapsedTime(began) < Deadline, $"The terminal did not show {what} within {Deadline}, but:\n{text}");
            await Task.Delay(100, cancellationToken);
        }
    }

    /// <summary>Leaves a picture under <c>.cloudvm/screenshots</c>.</summary>
    public Task ScreenshotAsync(string name) => Page.ScreenshotAsync(new()
    {
        Path = Path.Combine(RepositoryRoot.Path, ".cloudvm", "screenshots", name + ".png"),
    });

    /// <summary>Lets axe-core look at the page and fails on serious and critical violations.</summary>
    public async Task AssertAccessibleAsync(string name)
    {
        var result = await Page.RunAxe();
        var violations = result.Violations.Where(v => SeriousImpacts.Contains(v.Impact)).Select(Describe).ToList();
        Assert.True(violations.Count == 0, $"{name}: {string.Join(Environment.NewLine, violations)}");
    }

    /// <summary>Fails if the page is wider than the window.</summary>
    public async Task AssertFitsAsync(string name)
    {
        var width = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth");
        Assert.True(width <= Page.ViewportSize!.Width, string.Create(CultureInfo.InvariantCulture, $"{name} is {width} pixels wide in a window of {Page.ViewportSize.Width}."));
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private static string Describe(AxeResultItem item) =>
        $"{item.Impact} {item.Id}: {item.Help} at {string.Join("; ", item.Nodes.Select(n => n.Html).Take(3))}";
}
