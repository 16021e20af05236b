namespace CloudVm.Worker;

/// <summary>Settings of this node's Worker, from <c>CLOUDVM_*</c> environment variables (or the same keys of any configuration source).</summary>
public sealed record WorkerOptions
{
    /// <summary>Npgsql connection string (<c>CLOUDVM_DATABASE</c>).</summary>
    public required string Database { get; init; }

    /// <summary>Address that the node's own HTTP API listens on and registers (<c>CLOUDVM_NODE_URL</c>).</summary>
    public required Uri NodeUrl { get; init; }

    /// <summary>Directory of the VMs' files and the node's identity (<c>CLOUDVM_STATE_DIR</c>).</summary>
    public required string StateDirectory { get; init; }

    /// <summary>Short directory for control sockets, whose paths may have 107 bytes (<c>CLOUDVM_RUN_DIR</c>).</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Directory of the secrets that processes of this installation share (<c>CLOUDVM_SECRETS_DIR</c>).</summary>
    public required string SecretsDirectory { get; init; }

    /// <summary>Path of the Hypervisor executable, or of its <c>.dll</c> (<c>CLOUDVM_HYPERVISOR</c>).</summary>
    public required string HypervisorPath { get; init; }

    /// <summary>Directories of the built-in images (<c>CLOUDVM_IMAGES_DIR</c>, separated by colons). They need not exist.</summary>
    public IReadOnlyList<string> ImagesDirectories { get; init; } = [];

    /// <summary>Name that the node registers under (<c>CLOUDVM_NODE_NAME</c>; the host's name by default).</summary>
    public required string NodeName { get; init; }

    /// <summary>Idle Hypervisor processes kept ready (<c>CLOUDVM_WARM_POOL</c>).</summary>
    public int WarmPoolSize { get; init; } = 2;

    /// <summary>How long a lease lasts by the database's clock. It is renewed at a third of this.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often every VM is looked at even if no notification came.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often the node tells the database that it lives.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>VMs that are worked on at the same time.</summary>
    public int ReconcileConcurrency { get; init; } = 8;

    /// <summary>How often unreferenced chunks are looked for.</summary>
    public TimeSpan GarbageCollectionInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long an upload session may go without progress before it counts as abandoned.</summary>
    public TimeSpan UploadSessionTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidOperationException">Settings are missing or malformed; the message names every one.</exception>
    public static WorkerOptions Read(IConfiguration configuration)
    {
        List<string> faults = [];
        WorkerOptions options = new()
        {
            Database = Required("CLOUDVM_DATABASE"),
            NodeUrl = Parse("CLOUDVM_NODE_URL", "http://127.0.0.1:7410", text => new Uri(text, UriKind.Absolute)),
            StateDirectory = RequiredPath("CLOUDVM_STATE_DIR"),
            RunDirectory = RequiredPath("CLOUDVM_RUN_DIR"),
            SecretsDirectory = RequiredPath("CLOUDVM_SECRETS_DIR"),
            HypervisorPath = RequiredPath("CLOUDVM_HYPERVISOR"),
            ImagesDirectories = [.. (configuration["CLOUDVM_IMAGES_DIR"] ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
                .Select(Path.GetFullPath)],
            NodeName = configuration["CLOUDVM_NODE_NAME"] is { Length: > 0 } name ? name : Environment.MachineName,
            WarmPoolSize = Parse("CLOUDVM_WARM_POOL", "2", NonNegative),
            LeaseDuration = Parse("CLOUDVM_LEASE_SECONDS", "30", Seconds),
            PollInterval = Parse("CLOUDVM_POLL_SECONDS", "5", Seconds),
            HeartbeatInterval = Parse("CLOUDVM_HEARTBEAT_SECONDS", "5", Seconds),
            ReconcileConcurrency = Parse("CLOUDVM_RECONCILE_CONCURRENCY", "8", text => Math.Max(1, NonNegative(text))),
            GarbageCollectionInterval = Parse("CLOUDVM_GC_SECONDS", "600", Seconds),
            UploadSessionTimeout = Parse("CLOUDVM_UPLOAD_TIMEOUT_SECONDS", "900", Seconds),
        };
        return faults.Count == 0
            ? options
            : throw new InvalidOperationException($"The Worker's settings are incomplete: {string.Join("; ", faults)}.");

        string Required(string key)
        {
            if (configuration[key] is { Length: > 0 } value)
                return value;
            faults.Add($"{key} is not set");
            return "";
        }

        string RequiredPath(string key) => Required(key) is { Length: > 0 } path ? Path.GetFullPath(path) : "";

        T Parse<T>(string key, string fallback, Func<string, T> parse)
        {
            string text = configuration[key] is { Length: > 0 } value ? value : fallback;
            try
            {
                return parse(text);
            }
            catch (Exception malformed) when (malformed is FormatException or OverflowException)
            {
                faults.Add($"{key} is '{text}': {malformed.Message}");
                return parse(fallback);
            }
        }
    }

    private static int NonNegative(string text) =>
        int.Parse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture);

    private static TimeSpan Seconds(string text)
    {
        double seconds = double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
        return seconds > 0 ? TimeSpan.FromSeconds(seconds) : throw new FormatException("it must be positive");
    }
}
