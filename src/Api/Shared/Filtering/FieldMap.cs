using System.Linq.Expressions;

namespace CloudVm.Api.Shared.Filtering;

/// <summary>The fields of a resource that <c>filter</c> and <c>orderBy</c> may name, and where they are in the database.</summary>
/// <typeparam name="TEntity">The row.</typeparam>
internal sealed class FieldMap<TEntity>
{
    private readonly Dictionary<string, Field> _fields = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Func<string, LambdaExpression>> _maps = new(StringComparer.Ordinal);

    /// <param name="Path">The value.</param>
    /// <param name="CanOrder">Never null and of an order that the database and .NET agree on.</param>
    public sealed record Field(LambdaExpression Path, bool CanOrder);

    public IEnumerable<string> Names => _fields.Keys.Concat(_maps.Keys.Select(k => k + ".*")).Order(StringComparer.Ordinal);

    public IEnumerable<string> OrderNames => _fields.Where(f => f.Value.CanOrder).Select(f => f.Key).Order(StringComparer.Ordinal);

    /// <summary>Adds a field that can be compared.</summary>
    public FieldMap<TEntity> Add<TValue>(string name, Expression<Func<TEntity, TValue>> path)
    {
        _fields.Add(name, new Field(path, CanOrder: false));
        return this;
    }

    /// <summary>Adds a field that can be compared and ordered by.</summary>
    public FieldMap<TEntity> AddOrdered<TValue>(string name, Expression<Func<TEntity, TValue>> path)
    {
        _fields.Add(name, new Field(path, CanOrder: true));
        return this;
    }

    /// <summary>Adds a map of strings: <c>name.KEY</c> is the value of a key.</summary>
    public FieldMap<TEntity> AddMap(string name, Func<string, Expression<Func<TEntity, string?>>> path)
    {
        _maps.Add(name, path);
        return this;
    }

    public LambdaExpression? Find(string name)
    {
        if (_fields.TryGetValue(name, out var field))
            return field.Path;

        var dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && _maps.TryGetValue(name[..dot], out var map) ? map(name[(dot + 1)..]) : null;
    }

    public Field? FindOrder(string name) => _fields.TryGetValue(name, out var field) && field.CanOrder ? field : null;
}
