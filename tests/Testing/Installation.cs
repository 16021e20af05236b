using System.Diagnostics;
using System.Globalization;
using System.Net.NetworkInformation;

namespace CloudVm.Testing;

/// <summary>What a command of the launcher printed and how it ended.</summary>
/// <param name="ExitCode">0 for success, 1 for a failure, 2 for a wrong call, 3 from <c>status</c> when not all is ready.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Errors">Standard error.</param>
public sealed record LauncherResult(int ExitCode, string Output, string Errors)
{
    /// <summary>This result, if the command succeeded.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has all it printed.</exception>
    public LauncherResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new InvalidOperationException($"./cloudvm ended with exit status {ExitCode}:\n{Output}{Errors}");
}

/// <summary>
/// A whole CloudVm of a test's own, driven through the launcher: own state directory, own ports, real processes. It is
/// not started until <see cref="UpAsync"/>, and it is stopped and removed on disposal.
/// </summary>
/// <remarks>
/// It runs the build that <c>CLOUDVM_TEST_BUILD</c> names, which the gate publishes once for all tests; without it, the
/// first installation of a test process publishes one. Thread: any, but one command at a time.
/// </remarks>
public sealed class Installation : IAsyncDisposable
{
    /// <summary>Environment variable with the directory of the published build to run.</summary>
    public const string BuildVariable = "CLOUDVM_TEST_BUILD";

    /// <summary>Environment variable with the directory that installations put their state into.</summary>
    public const string StatesVariable = "CLOUDVM_TEST_STATES";

    private static readonly TimeSpan CommandDeadline = TimeSpan.FromMinutes(5);
    private static readonly Lazy<Task<string>> Build = new(FindBuildAsync);

    private readonly string _launcher;
    private readonly Dictionary<string, string?> _environment;

    private Installation(string launcher, string stateDirectory, int portBase, Dictionary<string, string?> environment)
    {
        _launcher = launcher;
        _environment = environment;
        StateDirectory = stateDirectory;
        ApiUrl = new Uri($"http://127.0.0.1:{portBase}/");
        NodeUrl = new Uri($"http://127.0.0.1:{portBase + 10}/");
        WebUrl = new Uri($"http://127.0.0.1:{portBase + 80}/");
    }

    /// <summary>The API's root, as <c>./cloudvm url</c> prints it.</summary>
    public Uri ApiUrl { get; }

    /// <summary>The Worker's own address.</summary>
    public Uri NodeUrl { get; }

    /// <summary>The dashboard.</summary>
    public Uri WebUrl { get; }

    /// <summary>What is <c>.cloudvm</c> in a clone: logs, secrets, builds, data.</summary>
    public string StateDirectory { get; }

    /// <summary>The initial administrator's password; there once the installation has started.</summary>
    public string AdministratorPassword => File.ReadAllText(Path.Combine(StateDirectory, "secrets", "admin-password")).Trim();

    /// <summary>Prepares an installation; starts nothing.</summary>
    /// <param name="root">Directory with a copy of the launcher to use in place of the repository's; its state goes beneath it.</param>
    /// <param name="environment">More settings for the launcher; null values remove a variable.</param>
    public static async Task<Installation> CreateAsync(string? root = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        string name = "cvm-" + Guid.NewGuid().ToString("N")[..10];
        string states = Environment.GetEnvironmentVariable(StatesVariable) is { Length: > 0 } given ? given : "/tmp";
        string state = root is null ? Path.Combine(states, name) : Path.Combine(root, ".cloudvm");
        int portBase = FindPorts();
        Dictionary<string, string?> settings = new(StringComparer.Ordinal)
        {
            ["CLOUDVM_STATE_DIR"] = root is null ? state : null,
            ["CLOUDVM_PORT_BASE"] = portBase.ToString(CultureInfo.InvariantCulture),
            ["CLOUDVM_BUILD"] = await Build.Value.ConfigureAwait(false),
            ["CLOUDVM_DATABASE"] = null,
            ["CLOUDVM_API_URL"] = null,
            ["CLOUDVM_NODE_URL"] = null,
            ["CLOUDVM_WEB_URL"] = null,
            ["CLOUDVM_RUN_DIR"] = null,
            ["CLOUDVM_DEMONSTRATION"] = "hello-sve",
        };
        foreach ((string key, string? value) in environment ?? new Dictionary<string, string?>(StringComparer.Ordinal))
            settings[key] = value;
        return new Installation(Path.Combine(root ?? RepositoryRoot.Path, "cloudvm"), state, portBase, settings);
    }

    /// <summary>Starts it in the background and returns once everything is ready.</summary>
    /// <exception cref="InvalidOperationException">It did not start; the message says why.</exception>
    public async Task UpAsync(CancellationToken cancellationToken = default)
        => (await RunAsync(["up", "--detach"], cancellationToken).ConfigureAwait(false)).EnsureSuccess();

    /// <summary>A fresh administrator API token.</summary>
    public async Task<string> NewTokenAsync(CancellationToken cancellationToken = default)
        => (await RunAsync(["token"], cancellationToken).ConfigureAwait(false)).EnsureSuccess().Output.Trim();

    /// <summary>An HTTP client for the API, signed in as an administrator; the caller disposes it.</summary>
    public async Task<HttpClient> NewApiClientAsync(CancellationToken cancellationToken = default)
    {
        string token = await NewTokenAsync(cancellationToken).ConfigureAwait(false);
        return new HttpClient
        {
            BaseAddress = ApiUrl,
            Timeout = TimeSpan.FromMinutes(3),
            DefaultRequestHeaders = { { "Authorization", "Bearer " + token } },
        };
    }

    /// <summary>PID of one part, from the launcher's own record of it.</summary>
    /// <param name="part"><c>Api</c>, <c>Worker</c>, <c>Web</c> or <c>PostgreSQL</c>.</param>
    public async Task<int> ProcessIdAsync(string part, CancellationToken cancellationToken = default)
    {
        LauncherResult status = await RunAsync(["status", "--json"], cancellationToken).ConfigureAwait(false);
        using var json = System.Text.Json.JsonDocument.Parse(status.Output);
        return json.RootElement.GetProperty("parts").EnumerateArray()
            .Single(p => p.GetProperty("name").GetString() == part).GetProperty("pid").GetInt32();
    }

    /// <summary>Runs a command of the launcher to its end.</summary>
    public async Task<LauncherResult> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken = default)
    {
        // Into files: what `up --detach` leaves running would hold a pipe open.
        string output = Path.GetTempFileName();
        string errors = Path.GetTempFileName();
        try
        {
            ProcessStartInfo start = new("bash");
            foreach (string argument in (string[])["-c", "launcher=$1 out=$2 err=$3; shift 3; exec \"$launcher\" \"$@\" >\"$out\" 2>\"$err\" </dev/null", "bash", _launcher, output, errors, .. arguments])
                start.ArgumentList.Add(argument);
            foreach ((string key, string? value) in _environment)
                start.Environment[key] = value;
            using Process launcher = Process.Start(start)!;
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(CommandDeadline);
            try
            {
                await launcher.WaitForExitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                launcher.Kill(entireProcessTree: true);
                throw;
            }

            return new LauncherResult(
                launcher.ExitCode,
                await File.ReadAllTextAsync(output, CancellationToken.None).ConfigureAwait(false),
                await File.ReadAllTextAsync(errors, CancellationToken.None).ConfigureAwait(false));
        }
        finally
        {
            File.Delete(output);
            File.Delete(errors);
        }
    }

    /// <summary>Stops everything and removes the state.</summary>
    public async ValueTask DisposeAsync()
    {
        LauncherResult down = await RunAsync(["down"]).ConfigureAwait(false);
        string location = Path.Combine(StateDirectory, "postgres.location");
        if (File.Exists(location) && await File.ReadAllTextAsync(location).ConfigureAwait(false) is var data && Directory.Exists(data))
            Directory.Delete(data, recursive: true);
        if (Directory.Exists(StateDirectory))
            Directory.Delete(StateDirectory, recursive: true);
        down.EnsureSuccess();
    }

    private static async Task<string> FindBuildAsync()
    {
        if (Environment.GetEnvironmentVariable(BuildVariable) is { Length: > 0 } given)
            return given;
        ProcessStartInfo start = new(Path.Combine(RepositoryRoot.Path, "cloudvm"), "build") { RedirectStandardOutput = true };
        using Process build = Process.Start(start)!;
        string directory = await build.StandardOutput.ReadToEndAsync().ConfigureAwait(false);
        await build.WaitForExitAsync().ConfigureAwait(false);
        return build.ExitCode == 0 ? directory.Trim() : throw new InvalidOperationException("The services could not be published.");
    }

    /// <summary>A base whose three ports are free, below the range that the kernel gives to outgoing connections.</summary>
    private static int FindPorts()
    {
        HashSet<int> busy = [.. IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(e => e.Port)];
        while (true)
        {
            int candidate = Random.Shared.Next(10_000, 32_000);
            if (!busy.Contains(candidate) && !busy.Contains(candidate + 10) && !busy.Contains(candidate + 80))
                return candidate;
        }
    }
}
