using System.Globalization;
using System.Linq.Expressions;
using System.Text.Json;

namespace CloudVm.Api.Shared.Filtering;

/// <summary>One comparison of a filter as an expression that EF translates; values become SQL parameters.</summary>
internal static class FilterComparison
{
    private static readonly ConstantExpression Zero = Expression.Constant(0);

    /// <param name="field">The value in the row.</param>
    /// <param name="comparison">The operator.</param>
    /// <param name="value">What to compare with.</param>
    public static Expression Build(Expression field, FilterToken comparison, FilterToken value)
    {
        var type = Nullable.GetUnderlyingType(field.Type) ?? field.Type;
        if (comparison.Value == ":")
            return BuildContains(field, type, comparison, value);

        var constant = AsParameter(Read(value, type), field.Type);
        return comparison.Value switch
        {
            "=" => Expression.Equal(field, constant),
            "!=" => Expression.NotEqual(field, constant),
            "<" or "<=" or ">" or ">=" => BuildOrder(field, type, constant, comparison),
            _ => throw new FilterException(comparison.Position, $"'{comparison.Value}' is none of = != < <= > >= :"),
        };
    }

    private static MethodCallExpression BuildContains(Expression field, Type type, FilterToken comparison, FilterToken value)
    {
        if (type != typeof(string))
            throw new FilterException(comparison.Position, "only texts can be searched with ':'");

        var lower = Expression.Call(field, nameof(string.ToLower), Type.EmptyTypes);
        var part = AsParameter(value.Value.ToLowerInvariant(), typeof(string));
        return Expression.Call(lower, nameof(string.Contains), Type.EmptyTypes, part);
    }

    private static BinaryExpression BuildOrder(Expression field, Type type, Expression constant, FilterToken comparison)
    {
        if (type.IsEnum || type == typeof(bool))
            throw new FilterException(comparison.Position, "this field has no order, only = and != compare it");

        return Order(field, constant, comparison.Value switch
        {
            "<" => ExpressionType.LessThan,
            "<=" => ExpressionType.LessThanOrEqual,
            ">" => ExpressionType.GreaterThan,
            _ => ExpressionType.GreaterThanOrEqual,
        });
    }

    /// <summary>A comparison of order, also of texts and ids, for which C# has no operators but SQL has.</summary>
    public static BinaryExpression Order(Expression field, Expression value, ExpressionType comparison)
    {
        if (field.Type == typeof(string))
            return Expression.MakeBinary(comparison, Expression.Call(typeof(string), nameof(string.Compare), Type.EmptyTypes, field, value), Zero);
        return field.Type == typeof(Guid)
            ? Expression.MakeBinary(comparison, Expression.Call(field, nameof(Guid.CompareTo), Type.EmptyTypes, value), Zero)
            : Expression.MakeBinary(comparison, field, value);
    }

    private static object Read(FilterToken value, Type type)
    {
        var text = value.Value;
        if (type == typeof(string))
            return text;
        if (type == typeof(bool) && bool.TryParse(text, out var truth))
            return truth;
        if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return number;
        if (type == typeof(long) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var large))
            return large;
        if (type == typeof(Guid) && Guid.TryParse(text, out var id))
            return id;
        if (type == typeof(DateTimeOffset)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time.ToUniversalTime();
        }

        if (type.IsEnum)
        {
            var name = Enum.GetNames(type).FirstOrDefault(n => JsonNamingPolicy.CamelCase.ConvertName(n) == text);
            return name is not null
                ? Enum.Parse(type, name)
                : throw new FilterException(
                    value.Position,
                    $"'{text}' is none of {string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName))}");
        }

        throw new FilterException(value.Position, $"'{text}' does not fit the field");
    }

    /// <summary>EF makes a parameter of a member of a captured object, and a literal of a constant.</summary>
    public static Expression AsParameter(object value, Type type)
    {
        var box = Activator.CreateInstance(typeof(Box<>).MakeGenericType(value.GetType()), value)!;
        Expression member = Expression.Field(Expression.Constant(box), nameof(Box<>.Value));
        return member.Type == type ? member : Expression.Convert(member, type);
    }

    private sealed class Box<T>(T value)
    {
        public readonly T Value = value;
    }
}
