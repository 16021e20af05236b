using Npgsql;

namespace CloudVm.Storage;

/// <summary>Reads the address of a database in either of the two forms people have at hand.</summary>
public static class DatabaseAddress
{
    /// <summary>Turns <paramref name="text"/> into a connection string.</summary>
    /// <exception cref="FormatException">The text is neither an Npgsql connection string nor a <c>postgresql://</c> URI.</exception>
    public static NpgsqlConnectionStringBuilder Builder(string text)
    {
        try
        {
            return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "postgresql" or "postgres"
                ? FromUri(uri)
                : new NpgsqlConnectionStringBuilder(text);
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"This is no PostgreSQL connection string: {e.Message}", e);
        }
    }

    /// <inheritdoc cref="Builder"/>
    public static string Parse(string text) => Builder(text).ConnectionString;

    private static NpgsqlConnectionStringBuilder FromUri(Uri uri)
    {
        var builder = new NpgsqlConnectionStringBuilder { Host = uri.Host, Database = uri.AbsolutePath.TrimStart('/') };
        if (!uri.IsDefaultPort && uri.Port > 0)
            builder.Port = uri.Port;

        var credentials = uri.UserInfo.Split(':', 2);
        if (credentials[0].Length > 0)
            builder.Username = Uri.UnescapeDataString(credentials[0]);
        if (credentials.Length == 2)
            builder.Password = Uri.UnescapeDataString(credentials[1]);

        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            builder[Uri.UnescapeDataString(parts[0])] = parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : "";
        }

        return builder;
    }
}
