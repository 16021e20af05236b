using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace CloudVm.Hypervisor.Generators;

/// <summary>
/// Reads <c>.decode</c> tables. One encoding per line:
/// <code>NAME FEATURE bits... [{constraint}]... [=> Method]     # comment</code>
/// Bits run from bit 31 down to bit 0 and total 32: a literal string of <c>0</c>, <c>1</c> and <c>x</c> (don't care), or
/// <c>field:width</c>, or <c>field:sWIDTH</c> for a field whose accessor sign-extends. A field name used twice is concatenated,
/// high part first. Constraints compare one field with a number: <c>{imm4!=0}</c>, <c>{size==3}</c>, <c>{Rm&lt;=15}</c>;
/// several must all hold. <c>=> Method</c> names the semantics method of <c>Interpreter</c> when it is not the row's own name; it may
/// have type arguments (without spaces), such as <c>Load&lt;byte,uint,UnsignedOffset&gt;</c>.
/// </summary>
internal static class DecodeParser
{
    private static readonly Regex Identifier = new("^[A-Za-z_][A-Za-z0-9_]*$", RegexOptions.CultureInvariant);
    private static readonly Regex MethodPattern = new("^[A-Za-z_][A-Za-z0-9_]*(<[A-Za-z0-9_<>,.]+>)?$", RegexOptions.CultureInvariant);
    private static readonly Regex Literal = new("^[01x]+$", RegexOptions.CultureInvariant);
    private static readonly Regex FieldPattern = new("^([A-Za-z_][A-Za-z0-9_]*):(s?)([0-9]+)$", RegexOptions.CultureInvariant);
    private static readonly Regex ConstraintPattern =
        new("^\\{([A-Za-z_][A-Za-z0-9_]*)(==|!=|<=|>=|<|>)(0x[0-9a-fA-F]+|0b[01]+|[0-9]+)\\}$", RegexOptions.CultureInvariant);

    public static List<DecodeRow> Parse(string path, string text, Action<Diagnostic> report)
    {
        var rows = new List<DecodeRow>();
        var group = Path.GetFileNameWithoutExtension(path);
        foreach (var line in SourceText.From(text).Lines)
        {
            var content = line.ToString();
            var comment = content.IndexOf('#');
            if (comment >= 0)
                content = content.Substring(0, comment);
            var tokens = content.Split(new[] { ' ', '\t' }, StringSplitOptions.RemoveEmptyEntries);
            if (tokens.Length == 0)
                continue;
            var location = Location.Create(
                path, line.Span, new LinePositionSpan(new LinePosition(line.LineNumber, 0), new LinePosition(line.LineNumber, content.Length)));
            var row = ParseRow(tokens, group, location, report);
            if (row is not null)
                rows.Add(row);
        }

        return rows;
    }

    private static DecodeRow? ParseRow(string[] tokens, string group, Location location, Action<Diagnostic> report)
    {
        DecodeRow? Fail(string message)
        {
            report(Diagnostic.Create(Diagnostics.Syntax, location, message));
            return null;
        }

        if (tokens.Length < 3 || !Identifier.IsMatch(tokens[0]) || !Identifier.IsMatch(tokens[1]))
            return Fail("A row is: NAME FEATURE bits... [{constraint}]... [=> Method]");

        var row = new DecodeRow(tokens[0], tokens[1], group, location);
        var position = 32;
        var constraints = new List<string>();
        for (var i = 2; i < tokens.Length; i++)
        {
            var token = tokens[i];
            if (token == "=>")
            {
                if (i != tokens.Length - 2 || !MethodPattern.IsMatch(tokens[i + 1]))
                    return Fail($"Row {row.Name}: '=>' is followed by one method name, at the end of the row");
                row.Method = tokens[++i];
            }
            else if (token[0] == '{')
            {
                constraints.Add(token);
            }
            else if (Literal.IsMatch(token))
            {
                position -= token.Length;
                if (position >= 0)
                    AddLiteral(row, token, position);
            }
            else if (FieldPattern.Match(token) is { Success: true } match)
            {
                var width = int.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture);
                if (width is < 1 or > 32)
                    return Fail($"Row {row.Name}: field '{token}' must be 1 to 32 bits wide");
                position -= width;
                if (position >= 0)
                    AddField(row, match.Groups[1].Value, match.Groups[2].Length != 0, position, width);
            }
            else
            {
                return Fail($"Row {row.Name}: '{token}' is neither bits, a field, a constraint nor '=> Method'");
            }
        }

        if (position != 0)
        {
            report(Diagnostic.Create(Diagnostics.Width, location, row.Name, 32 - position));
            return null;
        }

        foreach (var constraint in constraints)
        {
            if (AddConstraint(row, constraint) is { } error)
                return Fail($"Row {row.Name}: {error}");
        }

        return row;
    }

    private static void AddLiteral(DecodeRow row, string bits, int shift)
    {
        for (var i = 0; i < bits.Length; i++)
        {
            if (bits[i] == 'x')
                continue;
            var bit = 1u << (shift + bits.Length - 1 - i);
            row.Mask |= bit;
            if (bits[i] == '1')
                row.Value |= bit;
        }
    }

    private static void AddField(DecodeRow row, string name, bool signed, int shift, int width)
    {
        var field = row.Fields.FirstOrDefault(f => f.Name == name);
        if (field is null)
        {
            field = new DecodeField(name);
            row.Fields.Add(field);
        }

        field.Signed |= signed;
        field.Parts.Add(new FieldPart(shift, width));
    }

    /// <summary>Adds a constraint; returns what is wrong with it, or null.</summary>
    private static string? AddConstraint(DecodeRow row, string text)
    {
        var match = ConstraintPattern.Match(text);
        if (!match.Success)
            return $"'{text}' is not a constraint such as {{imm4!=0}} (no spaces inside)";
        var field = row.Fields.FirstOrDefault(f => f.Name == match.Groups[1].Value);
        if (field is null)
            return $"constraint '{text}' names no field of this row";
        var value = ParseNumber(match.Groups[3].Value);
        if (value > Bits.Ones(field.Width))
            return $"constraint '{text}' compares with a value that the field cannot hold";
        if (match.Groups[2].Value == "==")
        {
            row.Mask |= field.WordMask;
            row.Value |= field.Insert(value);
        }
        else
        {
            row.Constraints.Add(new DecodeConstraint(field, match.Groups[2].Value, value));
        }

        return null;
    }

    private static uint ParseNumber(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal) ? Convert.ToUInt32(text.Substring(2), 16)
        : text.StartsWith("0b", StringComparison.Ordinal) ? Convert.ToUInt32(text.Substring(2), 2)
        : uint.Parse(text, CultureInfo.InvariantCulture);
}
