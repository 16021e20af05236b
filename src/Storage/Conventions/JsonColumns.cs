using System.Text.Json;
using CloudVm.Contracts.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace CloudVm.Storage.Conventions;

/// <summary>Values that are stored as the JSON that the API shows.</summary>
internal static class JsonColumns
{
    public static PropertyBuilder<T> HasJson<T>(this PropertyBuilder<T> builder)
        where T : class?
    {
        builder.HasConversion(new Converter<T>(), new Comparer<T>()).HasColumnType("jsonb");
        return builder;
    }

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, CloudVmJson.Options);

    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, CloudVmJson.Options)!;

    private sealed class Converter<T>() : ValueConverter<T, string>(value => Write(value), json => Read<T>(json));

    /// <summary>Records with lists inside do not compare by content, their JSON does.</summary>
    private sealed class Comparer<T>() : ValueComparer<T>(
        (left, right) => Write(left) == Write(right),
        value => Write(value).GetHashCode(StringComparison.Ordinal),
        value => Read<T>(Write(value)));
}
