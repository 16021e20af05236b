using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace CloudVm.EndToEnd.Tests.Dashboard;

/// <summary>What a newcomer does first, in a real browser: once with the mouse and once with the keyboard alone.</summary>
public sealed partial class JourneyTests(RunningInstallation cloud, ChromiumFixture chromium) : IClassFixture<ChromiumFixture>
{
    private static readonly LocatorAssertionsToBeVisibleOptions Patiently = new() { Timeout = 90_000 };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task By_mouse_a_VM_is_created_watched_snapshotted_restored_and_scheduled()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        var page = dashboard.Page;
        await dashboard.SignInAsync();

        await page.GetByRole(AriaRole.Link, new() { Name = "Create a virtual machine" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("by-mouse");
        await page.GetByRole(AriaRole.Radio, new() { NameRegex = ImageName() }).CheckAsync();
        await NextAsync(page);
        await page.GetByRole(AriaRole.Radio, new() { NameRegex = NeoverseN1() }).CheckAsync();
        await Expect(page.GetByLabel("Scalable vectors (SVE)")).ToBeDisabledAsync();
        await page.GetByRole(AriaRole.Radio, new() { NameRegex = MaxPow2() }).CheckAsync();
        await page.GetByText("QEMU option, KVM generation and features").ClickAsync();
        var option = page.GetByLabel("QEMU -cpu option");
        await option.FillAsync("max,sve512=on,sve256=off");
        await option.PressAsync("Enter");
        await Expect(page.Locator(".field-error").First).ToContainTextAsync("sve256");
        await option.FillAsync("max,sve512=on");
        await option.PressAsync("Enter");
        await Expect(page.GetByText("max: 128, 256, 512 bits, on max-pow2.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Radio, new() { NameRegex = UpTo512() })).ToBeCheckedAsync();
        await dashboard.ScreenshotAsync("wizard");
        await NextAsync(page);
        await page.GetByLabel("Memory in MiB").FillAsync("2");
        await NextAsync(page);
        await Expect(page.Locator(".field-error").First).ToBeVisibleAsync();
        await page.GetByLabel("Memory in MiB").FillAsync("64");
        await NextAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "Add a disk" }).ClickAsync();
        await page.GetByLabel("Size in MiB").FillAsync("0");
        await NextAsync(page);
        await Expect(page.Locator(".field-error").First).ToBeVisibleAsync();
        await page.GetByLabel("Size in MiB").FillAsync("32");
        await NextAsync(page);
        await Expect(page.GetByText("disk1, 32 MiB")).ToBeVisibleAsync();
        await Expect(page.GetByText("Every check has passed.")).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Create", Exact = true }).ClickAsync();

        await dashboard.HeadingAsync("by-mouse");
        await Expect(State(page, "Running")).ToBeVisibleAsync(Patiently);
        var booted = await dashboard.TerminalUntilAsync(HasPrompt, "the guest's prompt", Cancellation);
        Assert.Equal(
            Enumerable.Range(0, 16).Select(len => $"VL LEN={len} bits={(len < 1 ? 128 : len < 3 ? 256 : 512)}"),
            VectorLengthLine().Matches(booted).Select(m => m.Value.TrimEnd()).Take(16));
        await dashboard.ScreenshotAsync("console");

        await page.GetByRole(AriaRole.Button, new() { Name = "Snapshot", Exact = true }).ClickAsync();
        await page.GetByLabel("Name (optional)").FillAsync("before");
        await page.GetByRole(AriaRole.Button, new() { Name = "Take snapshot" }).ClickAsync();
        await dashboard.TabAsync("Snapshots");
        await Expect(Row(page, "before").GetByText("Ready")).ToBeVisibleAsync(Patiently);
        await Expect(Row(page, "before").GetByText("With disk disk1")).ToBeVisibleAsync();

        await dashboard.TabAsync("Console");
        await dashboard.TerminalUntilAsync(HasPrompt, "the replay", Cancellation);
        await page.Locator(".xterm").ClickAsync();
        await page.Keyboard.TypeAsync("vl 128");
        await page.Keyboard.PressAsync("Enter");
        await dashboard.TerminalUntilAsync(t => t.Contains("vl 128", StringComparison.Ordinal) && HasPrompt(t), "the answer to a command", Cancellation);
        await page.GetByLabel("Search in the console").FillAsync("LEN=15");
        await Expect(page.Locator("[data-console=matches]")).ToHaveTextAsync(new Regex("^1 of "));

        await dashboard.TabAsync("Snapshots");
        await Row(page, "before").GetByRole(AriaRole.Button, new() { Name = "Restore before in place" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Restore", Exact = true }).ClickAsync();
        await Expect(page.GetByText("Restore · by-mouse")).ToBeVisibleAsync(Patiently);
        await dashboard.TabAsync("Console");
        var restored = await dashboard.TerminalUntilAsync(
            t => HasPrompt(t) && !t.Contains("vl 128", StringComparison.Ordinal), "the scrollback of the snapshot", Cancellation);
        Assert.Contains("VL LEN=15 bits=512", restored, StringComparison.Ordinal);

        await dashboard.TabAsync("Registers");
        await Expect(page.GetByRole(AriaRole.Region, new() { NameRegex = new Regex("^Vector registers") })).ToBeVisibleAsync();
        await dashboard.ScreenshotAsync("registers");

        await dashboard.TabAsync("Overview");
        await page.GetByRole(AriaRole.Button, new() { Name = "Open for gdb" }).ClickAsync();
        await Expect(page.GetByText(new Regex(@"^target remote 127\.0\.0\.1:\d+$"))).ToBeVisibleAsync(Patiently);
        await page.GetByRole(AriaRole.Region, new() { Name = "Debugger" }).GetByRole(AriaRole.Button, new() { Name = "Close" }).ClickAsync();
        await Expect(page.GetByText("The door for debuggers is closed.")).ToBeVisibleAsync(Patiently);

        await dashboard.TabAsync("Schedules");
        await page.GetByRole(AriaRole.Button, new() { Name = "New schedule" }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("often");
        await page.GetByLabel("When (cron expression)").FillAsync("*/5 * * * * *");
        await page.GetByLabel("Time zone").FillAsync("Europe/Berlin");
        await page.GetByLabel("Keep the last").FillAsync("2");
        await Expect(page.Locator(".run-list li").First).ToBeVisibleAsync();
        await dashboard.ScreenshotAsync("schedule");
        await page.GetByRole(AriaRole.Button, new() { Name = "Create schedule" }).ClickAsync();
        await Expect(Row(page, "often")).ToBeVisibleAsync();

        // The scheduled snapshot appears by itself: nothing here reloads the page.
        await dashboard.TabAsync("Snapshots");
        await Expect(page.GetByText("By schedule").First).ToBeVisibleAsync(Patiently);
        await dashboard.ScreenshotAsync("snapshots");
        await dashboard.TabAsync("Schedules");
        await page.GetByRole(AriaRole.Button, new() { Name = "Turn often off" }).ClickAsync();
        await Expect(Row(page, "often").GetByText("Off", new() { Exact = true })).ToBeVisibleAsync();
        Assert.Empty(dashboard.Errors);
    }

    [Fact]
    public async Task By_keyboard_alone_a_VM_is_created_watched_snapshotted_restored_and_scheduled()
    {
        await using var dashboard = await DashboardPage.OpenAsync(chromium.Browser, cloud.Installation);
        var page = dashboard.Page;
        var keys = page.Keyboard;
        await page.GotoAsync("/");
        await Expect(page.GetByLabel("User name")).ToBeFocusedAsync();
        await keys.TypeAsync("admin");
        await keys.PressAsync("Tab");
        await keys.TypeAsync(cloud.Installation.AdministratorPassword);
        await keys.PressAsync("Enter");
        await dashboard.HeadingAsync("Overview");

        await keys.PressAsync("c");
        await dashboard.HeadingAsync("Create a virtual machine");
        await dashboard.TabToAsync(page.GetByLabel("Name", new() { Exact = true }));
        await keys.TypeAsync("by-keyboard");
        await dashboard.TabToAsync(page.Locator("input[name=vm-image]:checked"));
        var image = page.GetByRole(AriaRole.Radio, new() { NameRegex = ImageName() });
        for (var images = await page.Locator("input[name=vm-image]").CountAsync(); images > 1 && !await image.IsCheckedAsync(); images--)
            await keys.PressAsync("ArrowDown");
        await Expect(image).ToBeCheckedAsync();
        await keys.PressAsync("Enter");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Radio, new() { NameRegex = MaxPow2() }));
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Next" }));
        await keys.PressAsync("Enter");
        await dashboard.TabToAsync(page.GetByLabel("vCPUs"));
        await keys.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Add a disk" })).ToBeVisibleAsync();
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Next" }));
        await keys.PressAsync("Enter");
        await Expect(page.GetByText("Every check has passed.")).ToBeVisibleAsync();
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Create", Exact = true }));
        await keys.PressAsync("Enter");

        await dashboard.HeadingAsync("by-keyboard");
        await dashboard.TerminalUntilAsync(HasPrompt, "the guest's prompt", Cancellation);
        var snapshotButton = page.GetByRole(AriaRole.Button, new() { Name = "Snapshot", Exact = true });
        await Expect(snapshotButton).ToBeEnabledAsync(new() { Timeout = 60_000 });
        await dashboard.TabToAsync(snapshotButton);
        await keys.PressAsync("Enter");
        await Expect(page.GetByLabel("Name (optional)")).ToBeFocusedAsync();
        await keys.TypeAsync("point");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Take snapshot" }));
        await keys.PressAsync("Enter");
        await Expect(page.GetByText("Snapshot · by-keyboard")).ToBeVisibleAsync(Patiently);

        var terminal = page.Locator(".xterm-helper-textarea");
        await dashboard.TabToAsync(terminal);
        await keys.TypeAsync("daxpy 5");
        await keys.PressAsync("Enter");
        await dashboard.TerminalUntilAsync(t => t.Contains("daxpy 5", StringComparison.Ordinal) && HasPrompt(t), "the answer to a command", Cancellation);
        await keys.PressAsync("Shift+Tab");
        await Expect(terminal).Not.ToBeFocusedAsync();

        await dashboard.TabToAsync(page.GetByRole(AriaRole.Tab, new() { Name = "Console" }), backwards: true);
        foreach (var _ in Enumerable.Range(0, 3))
            await keys.PressAsync("ArrowRight");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Restore point in place" }));
        await keys.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Restore", Exact = true })).ToBeFocusedAsync();
        await keys.PressAsync("Enter");
        await Expect(page.GetByText("Restore · by-keyboard")).ToBeVisibleAsync(Patiently);

        await dashboard.TabToAsync(page.GetByRole(AriaRole.Tab, new() { Name = "Snapshots" }), backwards: true);
        await keys.PressAsync("Home");
        await dashboard.TerminalUntilAsync(
            t => HasPrompt(t) && !t.Contains("daxpy 5", StringComparison.Ordinal), "the scrollback of the snapshot", Cancellation);

        foreach (var _ in Enumerable.Range(0, 4))
            await keys.PressAsync("ArrowRight");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "New schedule" }));
        await keys.PressAsync("Enter");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Every Sunday" }));
        await keys.PressAsync("Enter");
        await dashboard.TabToAsync(page.GetByRole(AriaRole.Button, new() { Name = "Create schedule" }));
        await keys.PressAsync("Enter");
        await Expect(Row(page, "nightly").GetByText("0 4 * * SUN")).ToBeVisibleAsync();

        await keys.PressAsync("?");
        await Expect(page.GetByRole(AriaRole.Dialog, new() { Name = "Keyboard shortcuts" })).ToBeVisibleAsync();
        await keys.PressAsync("Escape");
        await Expect(page.GetByRole(AriaRole.Dialog, new() { Name = "Keyboard shortcuts" })).ToBeHiddenAsync();
        await keys.PressAsync("g");
        await keys.PressAsync("v");
        await dashboard.HeadingAsync("Virtual machines");
        Assert.Empty(dashboard.Errors);
    }

    [GeneratedRegex("^hello-sve")]
    private static partial Regex ImageName();

    [GeneratedRegex("^neoverse-n1")]
    private static partial Regex NeoverseN1();

    [GeneratedRegex("^max-pow2")]
    private static partial Regex MaxPow2();

    [GeneratedRegex("^Up to 512 bits")]
    private static partial Regex UpTo512();

    [GeneratedRegex(@"^VL LEN=\d+ bits=\d+\s*$", RegexOptions.Multiline)]
    private static partial Regex VectorLengthLine();

    private static bool HasPrompt(string terminal) => terminal.TrimEnd().EndsWith("\n>", StringComparison.Ordinal);

    private static Task NextAsync(IPage page) => page.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();

    private static ILocator State(IPage page, string name) => page.Locator(".vm-head .badge").GetByText(name, new() { Exact = true });

    private static ILocator Row(IPage page, string name) =>
        page.GetByRole(AriaRole.Row).Filter(new() { Has = page.GetByRole(AriaRole.Rowheader, new() { NameRegex = new Regex($"^{Regex.Escape(name)}") }) });
}
