namespace CloudVm.Web.Hosting;

/// <summary>What the dashboard is told by its environment.</summary>
public sealed record WebSettings
{
    /// <summary>Base address of the REST API, without <c>/api/v1</c>.</summary>
    public required Uri ApiUrl { get; init; }

    /// <summary>The address the dashboard listens on.</summary>
    public required Uri ListenUrl { get; init; }

    /// <summary>Where keys that protect cookies are kept; they live in memory only where there is none.</summary>
    public string? StateDirectory { get; init; }

    /// <summary>Reads <c>CLOUDVM_API_URL</c>, <c>CLOUDVM_WEB_URL</c> and <c>CLOUDVM_STATE_DIR</c>.</summary>
    /// <exception cref="InvalidOperationException">An address is not an absolute http or https URL.</exception>
    public static WebSettings From(IConfiguration configuration) => new()
    {
        ApiUrl = Url(configuration, "CLOUDVM_API_URL", "http://127.0.0.1:7400"),
        ListenUrl = Url(configuration, "CLOUDVM_WEB_URL", "http://127.0.0.1:7480"),
        StateDirectory = configuration["CLOUDVM_STATE_DIR"] is { Length: > 0 } directory ? directory : null,
    };

    private static Uri Url(IConfiguration configuration, string name, string fallback)
    {
        var text = configuration[name] is { Length: > 0 } value ? value : fallback;
        return Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
            ? url
            : throw new InvalidOperationException($"{name} is \"{text}\", which is not an absolute http or https URL.");
    }
}
