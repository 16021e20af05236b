using System.Linq.Expressions;

namespace CloudVm.Api.Shared.Filtering;

/// <summary>
/// Reads <c>filter</c>, a part of AIP-160: comparisons <c>field op value</c> with <c>= != &lt; &lt;= &gt; &gt;= :</c> (contains),
/// joined by <c>AND</c>, <c>OR</c>, <c>NOT</c> and parentheses. As in AIP-160, OR binds tighter than AND, and terms that
/// merely follow one another are joined by AND.
/// </summary>
internal sealed class FilterParser<TEntity>
{
    private const int MaxDepth = 32;

    private readonly FieldMap<TEntity> _fields;
    private readonly List<FilterToken> _tokens;
    private readonly ParameterExpression _row = Expression.Parameter(typeof(TEntity), "row");
    private int _next;
    private int _depth;

    private FilterParser(FieldMap<TEntity> fields, List<FilterToken> tokens)
    {
        _fields = fields;
        _tokens = tokens;
    }

    private FilterToken Current => _tokens[_next];

    /// <exception cref="FilterException">The filter cannot be read; the message says where and why.</exception>
    public static Expression<Func<TEntity, bool>> Parse(string filter, FieldMap<TEntity> fields)
    {
        var parser = new FilterParser<TEntity>(fields, FilterTokens.Read(filter));
        var body = parser.ReadAnd();
        if (parser.Current.Kind != FilterTokenKind.End)
            throw new FilterException(parser.Current.Position, $"'{parser.Current.Value}' is not expected here");
        return Expression.Lambda<Func<TEntity, bool>>(body, parser._row);
    }

    private Expression ReadAnd()
    {
        var left = ReadOr();
        while (Current.Kind is not (FilterTokenKind.End or FilterTokenKind.Close))
        {
            SkipWord("AND");
            left = Expression.AndAlso(left, ReadOr());
        }

        return left;
    }

    private Expression ReadOr()
    {
        var left = ReadTerm();
        while (SkipWord("OR"))
            left = Expression.OrElse(left, ReadTerm());
        return left;
    }

    private Expression ReadTerm()
    {
        if (++_depth > MaxDepth)
            throw new FilterException(Current.Position, "the filter is nested too deeply");
        try
        {
            if (SkipWord("NOT"))
                return Expression.Not(ReadTerm());
            if (Current.Kind != FilterTokenKind.Open)
                return ReadComparison();

            _next++;
            var inner = ReadAnd();
            Expect(FilterTokenKind.Close, "a closing parenthesis");
            return inner;
        }
        finally
        {
            _depth--;
        }
    }

    private Expression ReadComparison()
    {
        var name = Expect(FilterTokenKind.Word, "the name of a field");
        var path = _fields.Find(name.Value)
            ?? throw new FilterException(name.Position, $"there is no field '{name.Value}'; there are {string.Join(", ", _fields.Names)}");
        var comparison = Expect(FilterTokenKind.Operator, "one of = != < <= > >= :");
        var value = Current.Kind == FilterTokenKind.Text ? Current : Expect(FilterTokenKind.Word, "a value", advance: false);
        _next++;

        var field = new ReplaceParameter(path.Parameters[0], _row).Visit(path.Body);
        return FilterComparison.Build(field, comparison, value);
    }

    private FilterToken Expect(FilterTokenKind kind, string what, bool advance = true)
    {
        var token = Current;
        if (token.Kind != kind)
            throw new FilterException(token.Position, $"{what} is expected in place of '{token.Value}'");
        if (advance)
            _next++;
        return token;
    }

    private bool SkipWord(string word)
    {
        if (Current.Kind != FilterTokenKind.Word || Current.Value != word)
            return false;
        _next++;
        return true;
    }
}

/// <summary>Puts one expression in the place of a parameter.</summary>
internal sealed class ReplaceParameter(ParameterExpression parameter, Expression replacement) : ExpressionVisitor
{
    protected override Expression VisitParameter(ParameterExpression node) => node == parameter ? replacement : node;
}
