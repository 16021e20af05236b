using System.Linq.Expressions;
using System.Text.Json;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Contracts.Problems;

namespace CloudVm.Api.Shared.Paging;

/// <summary>One column of an order.</summary>
/// <param name="Path">The value in the row.</param>
/// <param name="Descending">From the largest down.</param>
internal sealed record SortKey(LambdaExpression Path, bool Descending);

/// <summary>
/// An order of a collection with a unique last key, so that every row has its place and a page can go on after one.
/// </summary>
internal sealed class SortOrder<TEntity>(IReadOnlyList<SortKey> keys)
{
    /// <summary>Reads <c>orderBy</c>: comma-separated fields, each with an optional <c>desc</c>.</summary>
    public static SortOrder<TEntity> Parse(
        string? orderBy, FieldMap<TEntity> fields, string defaultOrder, LambdaExpression tieBreaker, List<ProblemReason> reasons)
    {
        var keys = new List<SortKey>();
        foreach (var item in (orderBy ?? defaultOrder).Split(',', StringSplitOptions.TrimEntries))
        {
            var words = item.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var field = words.Length is 1 or 2 ? fields.FindOrder(words[0]) : null;
            if (field is null || (words.Length == 2 && words[1] is not ("asc" or "desc")))
            {
                reasons.Add(new ProblemReason(
                    "?orderBy", "invalidParameter", $"'{item}' is no field to order by; there are {string.Join(", ", fields.OrderNames)}."));
                continue;
            }

            keys.Add(new SortKey(field.Path, words is [_, "desc"]));
        }

        keys.Add(new SortKey(tieBreaker, keys.LastOrDefault()?.Descending ?? false));
        return new SortOrder<TEntity>(keys);
    }

    public IQueryable<TEntity> Apply(IQueryable<TEntity> rows)
    {
        var expression = rows.Expression;
        foreach (var (index, key) in keys.Index())
        {
            var method = (index, key.Descending) switch
            {
                (0, false) => nameof(Queryable.OrderBy),
                (0, true) => nameof(Queryable.OrderByDescending),
                (_, false) => nameof(Queryable.ThenBy),
                (_, true) => nameof(Queryable.ThenByDescending),
            };
            expression = Expression.Call(
                typeof(Queryable), method, [typeof(TEntity), key.Path.ReturnType], expression, Expression.Quote(key.Path));
        }

        return rows.Provider.CreateQuery<TEntity>(expression);
    }

    /// <summary>The row's place: its keys' values.</summary>
    public JsonElement[] PlaceOf(TEntity row) =>
        [.. keys.Select(k => JsonSerializer.SerializeToElement(k.Path.Compile().DynamicInvoke(row), k.Path.ReturnType))];

    /// <summary>Only what comes after a place: larger in the first key, or equal in it and larger in the next …</summary>
    public Expression<Func<TEntity, bool>> After(IReadOnlyList<JsonElement> place)
    {
        var row = Expression.Parameter(typeof(TEntity), "row");
        Expression? after = null;
        for (var i = keys.Count - 1; i >= 0; i--)
        {
            var field = new ReplaceParameter(keys[i].Path.Parameters[0], row).Visit(keys[i].Path.Body);
            var value = FilterComparison.AsParameter(place[i].Deserialize(field.Type)!, field.Type);
            var beyond = FilterComparison.Order(field, value, keys[i].Descending ? ExpressionType.LessThan : ExpressionType.GreaterThan);
            after = after is null ? beyond : Expression.OrElse(beyond, Expression.AndAlso(Expression.Equal(field, value), after));
        }

        return Expression.Lambda<Func<TEntity, bool>>(after!, row);
    }

    public int Count => keys.Count;
}
