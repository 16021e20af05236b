namespace CloudVm.Web.Components.Shared;

/// <summary>Builds filter expressions of the API.</summary>
public static class FilterText
{
    /// <summary>Text as a quoted literal.</summary>
    public static string Quote(string text) =>
        $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
