using System.Text;

namespace CloudVm.Api.Shared.Filtering;

internal enum FilterTokenKind
{
    Word,
    Text,
    Operator,
    Open,
    Close,
    End,
}

/// <param name="Kind">What it is.</param>
/// <param name="Value">Its text, unquoted.</param>
/// <param name="Position">Where it begins, counted from 0.</param>
internal readonly record struct FilterToken(FilterTokenKind Kind, string Value, int Position);

/// <summary>Cuts a filter (AIP-160) into words, quoted texts, operators and parentheses.</summary>
internal static class FilterTokens
{
    private const string OperatorCharacters = "=!<>:";

    public static List<FilterToken> Read(string filter)
    {
        var tokens = new List<FilterToken>();
        var i = 0;
        while (i < filter.Length)
        {
            var start = i;
            var c = filter[i];
            if (char.IsWhiteSpace(c))
                i++;
            else if (c is '(' or ')')
                tokens.Add(new FilterToken(c == '(' ? FilterTokenKind.Open : FilterTokenKind.Close, filter[i++].ToString(), start));
            else if (c is '"' or '\'')
                tokens.Add(new FilterToken(FilterTokenKind.Text, ReadText(filter, ref i), start));
            else if (OperatorCharacters.Contains(c, StringComparison.Ordinal))
                tokens.Add(new FilterToken(FilterTokenKind.Operator, ReadWhile(filter, ref i, OperatorCharacters.Contains), start));
            else
                tokens.Add(new FilterToken(FilterTokenKind.Word, ReadWhile(filter, ref i, IsWordCharacter), start));
        }

        tokens.Add(new FilterToken(FilterTokenKind.End, "the end", filter.Length));
        return tokens;
    }

    private static bool IsWordCharacter(char c) => !char.IsWhiteSpace(c) && !"()\"'=!<>".Contains(c, StringComparison.Ordinal);

    private static string ReadWhile(string filter, ref int i, Func<char, bool> belongs)
    {
        var start = i++;
        while (i < filter.Length && belongs(filter[i]) && !IsContainsOperator(filter, start, i))
            i++;
        return filter[start..i];
    }

    // A colon ends a field's name, but belongs to a time such as 2026-01-01T10:00:00Z.
    private static bool IsContainsOperator(string filter, int start, int i) => filter[i] == ':' && char.IsLetter(filter[start]);

    private static string ReadText(string filter, ref int i)
    {
        var start = i;
        var quote = filter[i++];
        var text = new StringBuilder();
        while (i < filter.Length && filter[i] != quote)
        {
            if (filter[i] == '\\' && i + 1 < filter.Length)
                i++;
            text.Append(filter[i++]);
        }

        if (i == filter.Length)
            throw new FilterException(start, "this quotation does not end");
        i++;
        return text.ToString();
    }
}

/// <summary>A filter cannot be read.</summary>
internal sealed class FilterException(int position, string message) : Exception($"At character {position + 1}: {message}.");
