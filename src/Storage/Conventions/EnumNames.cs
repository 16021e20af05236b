using System.Linq.Expressions;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace CloudVm.Storage.Conventions;

/// <summary>Enums are stored by the names that the API shows, so that SQL reads like the API.</summary>
public static class EnumNames
{
    /// <summary>The stored name of <paramref name="value"/>: <c>VmPhase.Running</c> is <c>running</c>.</summary>
    public static string Of<TEnum>(TEnum value)
        where TEnum : struct, Enum => JsonNamingPolicy.CamelCase.ConvertName(value.ToString());

    /// <summary>The value that is stored as <paramref name="name"/>.</summary>
    public static TEnum Parse<TEnum>(string name)
        where TEnum : struct, Enum => Enum.Parse<TEnum>(name, ignoreCase: true);

    /// <summary>Stores the property by name and lets the database refuse anything else.</summary>
    internal static PropertyBuilder<TEnum> HasEnumName<TEntity, TEnum>(
        this EntityTypeBuilder<TEntity> builder, Expression<Func<TEntity, TEnum>> property)
        where TEntity : class
        where TEnum : struct, Enum
    {
        var propertyBuilder = builder.Property(property).HasConversion(new Converter<TEnum>()).HasColumnType("text");
        var column = SnakeCaseNames.Of(propertyBuilder.Metadata.Name);
        var names = string.Join(", ", Enum.GetValues<TEnum>().Select(v => $"'{Of(v)}'"));
        builder.ToTable(t => t.HasCheckConstraint($"ck_{builder.Metadata.GetTableName()}_{column}", $"{column} IN ({names})"));
        return propertyBuilder;
    }

    private sealed class Converter<TEnum>() : ValueConverter<TEnum, string>(value => Of(value), name => Parse<TEnum>(name))
        where TEnum : struct, Enum;
}
