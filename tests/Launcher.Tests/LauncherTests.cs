using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using CloudVm.Testing;

namespace CloudVm.Launcher.Tests;

public sealed class LauncherTests
{
    private static readonly TimeSpan RestartDeadline = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("dwon")]
    [InlineData("up", "--detatch")]
    [InlineData("status", "--yaml")]
    [InlineData("url", "api")]
    [InlineData("images", "debian-0")]
    public async Task A_wrong_call_is_refused_with_what_is_wrong(params string[] arguments)
    {
        await using Installation installation = await Installation.CreateAsync();

        LauncherResult result = await installation.RunAsync(arguments, Cancellation);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(arguments[^1] == "api" ? "takes no arguments" : arguments[^1], result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_runs_before_up_and_every_command_says_so()
    {
        await using Installation installation = await Installation.CreateAsync();

        LauncherResult status = await installation.RunAsync(["status", "--json"], Cancellation);
        LauncherResult token = await installation.RunAsync(["token"], Cancellation);
        LauncherResult down = await installation.RunAsync(["down"], Cancellation);

        Assert.Equal(3, status.ExitCode);
        Assert.Equal("stopped", JsonDocument.Parse(status.Output).RootElement.GetProperty("state").GetString());
        Assert.Equal(1, token.ExitCode);
        Assert.Contains("./cloudvm up", token.Errors, StringComparison.Ordinal);
        Assert.Equal(0, down.ExitCode);
    }

    [Fact]
    public async Task A_busy_port_is_named_with_the_setting_that_moves_it_and_nothing_is_started()
    {
        await using Installation installation = await Installation.CreateAsync();
        using TcpListener occupant = new(IPAddress.Loopback, installation.WebUrl.Port);
        occupant.Start();

        LauncherResult up = await installation.RunAsync(["up", "--detach"], Cancellation);

        Assert.Equal(1, up.ExitCode);
        Assert.Contains($"port {installation.WebUrl.Port} ", up.Errors, StringComparison.Ordinal);
        Assert.Contains($"process {Environment.ProcessId}", up.Errors, StringComparison.Ordinal);
        Assert.Contains("CLOUDVM_WEB_URL", up.Errors, StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Concerning(installation.StateDirectory));
    }

    [Fact]
    public async Task An_image_whose_packages_cannot_be_had_is_refused_with_the_reason_and_leaves_nothing_half_done()
    {
        await using Installation installation = await Installation.CreateAsync(environment: new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["CLOUDVM_IMAGE_CACHE"] = null,
            ["CLOUDVM_DEBIAN_MIRROR"] = "http://127.0.0.1:9/debian", // the discard port: nobody listens
        });

        LauncherResult images = await installation.RunAsync(["images", "debian-12-cloud"], Cancellation);

        Assert.Equal(1, images.ExitCode);
        Assert.Contains("package lists cannot be had", images.Errors, StringComparison.Ordinal);
        Assert.Contains("CLOUDVM_DEBIAN_MIRROR", images.Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(installation.StateDirectory, "images", "store")));
    }

    [Fact]
    public async Task A_database_that_cannot_be_reached_fails_up_with_the_reason()
    {
        await using Installation installation = await Installation.CreateAsync(environment: new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["CLOUDVM_DATABASE"] = "Host=/nonexistent;Username=nobody;Database=none;Timeout=2",
        });

        LauncherResult up = await installation.RunAsync(["up", "--detach"], Cancellation);

        Assert.Equal(1, up.ExitCode);
        Assert.Contains("the database could not be prepared", up.Errors, StringComparison.Ordinal);
        Assert.Empty(ProcessTable.Concerning(installation.StateDirectory));
    }

    [Fact]
    public async Task From_a_path_of_120_characters_everything_starts_restarts_and_stops()
    {
        using LauncherCopy copy = LauncherCopy.WithPathOfLength(120);
        Assert.Equal(120, copy.Root.Length);
        await using Installation installation = await Installation.CreateAsync(copy.Root);

        await installation.UpAsync(Cancellation);
        Assert.Equal(installation.ApiUrl.ToString().TrimEnd('/'), (await installation.RunAsync(["url"], Cancellation)).EnsureSuccess().Output.Trim());
        LauncherResult again = (await installation.RunAsync(["up", "--detach"], Cancellation)).EnsureSuccess();
        Assert.Contains("running already", again.Output, StringComparison.Ordinal);

        AssertPrivate(Path.Combine(installation.StateDirectory, "secrets"), isDirectory: true);
        foreach (string secret in (string[])["local-admin", "node", "admin-password"])
            AssertPrivate(Path.Combine(installation.StateDirectory, "secrets", secret), isDirectory: false);

        Assert.NotEqual(await installation.NewTokenAsync(Cancellation), await installation.NewTokenAsync(Cancellation));
        string password = installation.AdministratorPassword;
        LauncherResult reset = (await installation.RunAsync(["reset-password"], Cancellation)).EnsureSuccess();
        Assert.NotEqual(password, reset.Output.Trim());

        foreach (string part in (string[])["Api", "Worker", "Web", "PostgreSQL"])
            await AssertIsRestartedAsync(installation, part);

        (await installation.RunAsync(["down"], Cancellation)).EnsureSuccess();
        Assert.Empty(ProcessTable.Concerning(installation.StateDirectory));
        LauncherResult status = await installation.RunAsync(["status"], Cancellation);
        Assert.Equal(3, status.ExitCode);
    }

    [Fact]
    public async Task From_a_home_that_only_its_owner_may_enter_the_database_lives_elsewhere_and_survives_a_restart()
    {
        using LauncherCopy copy = LauncherCopy.InPrivateHome();
        await using Installation installation = await Installation.CreateAsync(copy.Root);

        await installation.UpAsync(Cancellation);
        Guid[] before = await VmIdsAsync(installation);
        (await installation.RunAsync(["down"], Cancellation)).EnsureSuccess();
        await installation.UpAsync(Cancellation);

        Assert.NotEmpty(before);
        Assert.Equal(before, await VmIdsAsync(installation));
    }

    [Fact]
    public async Task After_its_supervisor_was_killed_down_stops_everything_and_up_starts_again()
    {
        await using Installation installation = await Installation.CreateAsync();
        await installation.UpAsync(Cancellation);
        using (Process supervisor = Process.GetProcessById(ProcessTable.ParentOf(await installation.ProcessIdAsync("Api", Cancellation))))
        {
            supervisor.Kill();
            await supervisor.WaitForExitAsync(Cancellation);
        }

        await installation.UpAsync(Cancellation);
        Assert.NotEmpty(await VmIdsAsync(installation));
        using (Process supervisor = Process.GetProcessById(ProcessTable.ParentOf(await installation.ProcessIdAsync("Api", Cancellation))))
        {
            supervisor.Kill();
            await supervisor.WaitForExitAsync(Cancellation);
        }

        (await installation.RunAsync(["down"], Cancellation)).EnsureSuccess();
        Assert.Empty(ProcessTable.Concerning(installation.StateDirectory));
    }

    /// <summary>The port of a service is free when its last thread is gone, which is later than the end of its first.</summary>
    [Fact]
    public async Task A_process_has_ended_when_its_last_thread_has()
    {
        const string script = """
            . "$1/scripts/processes.sh"
            perl -Mthreads -e 'threads->create(sub { sleep 60 }); syscall(60, 0)' & # exit of the first thread alone
            until [ "$(sed 's/.*) //; s/ .*//' "/proc/$!/stat")" = Z ]; do pause 0.05; done
            start_time $! >/dev/null && echo alive
            stop_process $! KILL 10
            start_time $! >/dev/null || echo gone
            """;
        ProcessStartInfo start = new("bash", ["-c", script, "bash", RepositoryRoot.Path]) { RedirectStandardOutput = true };
        using Process bash = Process.Start(start)!;
        string output = await bash.StandardOutput.ReadToEndAsync(Cancellation);
        await bash.WaitForExitAsync(Cancellation);

        Assert.Equal("alive\ngone\n", output);
    }

    private static async Task AssertIsRestartedAsync(Installation installation, string part)
    {
        int killed = await installation.ProcessIdAsync(part, Cancellation);
        using (Process process = Process.GetProcessById(killed))
            process.Kill();

        Stopwatch clock = Stopwatch.StartNew();
        LauncherResult status;
        do
        {
            Assert.True(clock.Elapsed < RestartDeadline, $"{part} was not ready again after {RestartDeadline}.");
            await Task.Delay(100, Cancellation);
            status = await installation.RunAsync(["status", "--json"], Cancellation);
        }
        while (status.ExitCode != 0);
        Assert.NotEqual(killed, await installation.ProcessIdAsync(part, Cancellation));
    }

    private static async Task<Guid[]> VmIdsAsync(Installation installation)
    {
        using HttpClient api = await installation.NewApiClientAsync(Cancellation);
        using JsonDocument page = JsonDocument.Parse(await api.GetStringAsync("api/v1/vms", Cancellation));
        return [.. page.RootElement.GetProperty("items").EnumerateArray().Select(vm => vm.GetProperty("id").GetGuid())];
    }

    private static void AssertPrivate(string path, bool isDirectory)
    {
        const UnixFileMode fileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Assert.Equal(isDirectory ? fileMode | UnixFileMode.UserExecute : fileMode, File.GetUnixFileMode(path));
    }
}
