namespace CloudVm.Api;

/// <summary>Settings of the service, from environment variables (or any other configuration source).</summary>
public sealed record ApiSettings
{
    public required string Database { get; init; }

    /// <summary>Where the service listens.</summary>
    public required string ApiUrl { get; init; }

    /// <summary>The dashboard's address: the one other origin that browsers may open sockets from.</summary>
    public required string WebUrl { get; init; }

    /// <summary>Directory of <c>node</c> and <c>local-admin</c>; null where there are no such secrets.</summary>
    public string? SecretsDirectory { get; init; }

    public long MaxImageBytes { get; init; } = 4L * 1024 * 1024 * 1024;

    /// <summary>Requests of one principal in ten seconds.</summary>
    public int RequestsPerWindow { get; init; } = 50_000;

    /// <summary>Requests without a valid token, sign-ins among them, of one address in ten seconds.</summary>
    public int AnonymousRequestsPerWindow { get; init; } = 100;

    /// <summary>How long events are kept for readers that come back.</summary>
    public TimeSpan EventRetention { get; init; } = TimeSpan.FromDays(1);

    /// <exception cref="InvalidOperationException">A setting is missing.</exception>
    public static ApiSettings Read(IConfiguration configuration)
    {
        var defaults = new ApiSettings { Database = "", ApiUrl = "", WebUrl = "" };
        return new ApiSettings
        {
            Database = configuration["CLOUDVM_DATABASE"]
                ?? throw new InvalidOperationException("CLOUDVM_DATABASE is not set: it names the PostgreSQL database."),
            ApiUrl = configuration["CLOUDVM_API_URL"] ?? "http://127.0.0.1:7400",
            WebUrl = configuration["CLOUDVM_WEB_URL"] ?? "http://127.0.0.1:7480",
            SecretsDirectory = configuration["CLOUDVM_SECRETS_DIR"],
            MaxImageBytes = configuration.GetValue("CLOUDVM_MAX_IMAGE_BYTES", defaults.MaxImageBytes),
            RequestsPerWindow = configuration.GetValue("CLOUDVM_RATE_LIMIT", defaults.RequestsPerWindow),
            AnonymousRequestsPerWindow = configuration.GetValue("CLOUDVM_ANONYMOUS_RATE_LIMIT", defaults.AnonymousRequestsPerWindow),
            EventRetention = configuration.GetValue("CLOUDVM_EVENT_RETENTION", defaults.EventRetention),
        };
    }

    /// <summary>Reads a shared secret; null where there is none.</summary>
    public async Task<string?> ReadSecretAsync(string name, CancellationToken cancellationToken)
    {
        if (SecretsDirectory is null)
            return null;
        var path = Path.Combine(SecretsDirectory, name);
        return File.Exists(path) ? (await File.ReadAllTextAsync(path, cancellationToken)).Trim() : null;
    }
}
