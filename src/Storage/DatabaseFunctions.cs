using System.Diagnostics.CodeAnalysis;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Storage;

/// <summary>PostgreSQL's functions that queries may use.</summary>
public static class DatabaseFunctions
{
    /// <summary>The text under a key of a JSON object; null where there is none.</summary>
    /// <param name="json">A <c>jsonb</c> column.</param>
    /// <param name="key">The key.</param>
    [SuppressMessage("Style", "IDE0060", Justification = "The parameters are the SQL function's.")]
    public static string? JsonText(string json, string key) =>
        throw new InvalidOperationException("Only for queries that the database runs.");

    internal static void Map(ModelBuilder builder) =>
        builder.HasDbFunction(typeof(DatabaseFunctions).GetMethod(nameof(JsonText))!, function =>
        {
            function.HasName("jsonb_extract_path_text").IsBuiltIn();
            function.HasParameter("json").HasStoreType("jsonb");
            function.HasParameter("key").HasStoreType("text");
        });
}
