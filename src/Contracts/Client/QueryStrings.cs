using System.Globalization;

namespace CloudVm.Contracts.Client;

/// <summary>Builds the query part of a request.</summary>
internal static class QueryStrings
{
    public static string WithQuery(this string path, ListQuery? query) => query is null
        ? path
        : path.WithQuery(
            ("pageSize", query.PageSize?.ToString(CultureInfo.InvariantCulture)),
            ("pageToken", query.PageToken),
            ("filter", query.Filter),
            ("orderBy", query.OrderBy));

    public static string WithQuery(this string path, params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var separator = '?';
        foreach (var (name, value) in parameters)
        {
            if (value is null)
                continue;
            path += $"{separator}{name}={Uri.EscapeDataString(value)}";
            separator = '&';
        }

        return path;
    }
}
