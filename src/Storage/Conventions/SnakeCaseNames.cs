using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace CloudVm.Storage.Conventions;

/// <summary>Gives columns, keys and indexes the names PostgreSQL's users expect. Tables are named by their configurations.</summary>
internal static partial class SnakeCaseNames
{
    public static void Apply(ModelBuilder builder)
    {
        foreach (var entity in builder.Model.GetEntityTypes())
            Apply(entity);
    }

    private static void Apply(IMutableEntityType entity)
    {
        var table = entity.GetTableName()!;
        foreach (var property in entity.GetProperties())
            property.SetColumnName(Of(property.Name));
        foreach (var key in entity.GetKeys())
            key.SetName(key.IsPrimaryKey() ? $"pk_{table}" : $"ak_{table}_{Join(key.Properties)}");
        foreach (var key in entity.GetForeignKeys())
            key.SetConstraintName($"fk_{table}_{Join(key.Properties)}");
        foreach (var index in entity.GetIndexes().Where(i => i.Name is null))
            index.SetDatabaseName($"{(index.IsUnique ? "ux" : "ix")}_{table}_{Join(index.Properties)}");
    }

    private static string Join(IEnumerable<IMutableProperty> properties) => string.Join('_', properties.Select(p => Of(p.Name)));

    /// <summary><c>MemoryMiB</c> becomes <c>memory_mib</c>: the unit is one word.</summary>
    public static string Of(string name) =>
        WordStart().Replace(name.Replace("MiB", "Mib", StringComparison.Ordinal), "_$0").ToLowerInvariant();

    [GeneratedRegex("(?<=[a-z0-9])[A-Z]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex WordStart();
}
