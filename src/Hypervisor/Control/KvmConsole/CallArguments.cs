using System.Globalization;

namespace CloudVm.Hypervisor.Control.KvmConsole;

/// <summary>
/// The words of one line after the call's name. Values that are named (<c>name=value</c>) and words that are flags are taken first, then
/// those that stand by their position. Faults are collected; <see cref="Complete"/> refuses the line with all of them.
/// </summary>
internal sealed class CallArguments(IEnumerable<string> words)
{
    /// <summary>Stands for a pointer that cannot be accessed.</summary>
    public const string Null = "null";

    private readonly List<string> _rest = [.. words];
    private readonly List<string> _reasons = [];

    /// <summary>Splits a line into words at blanks. Double quotes keep a word together; <c>#</c> outside them starts a comment.</summary>
    public static List<string> Split(string line)
    {
        var words = new List<string>();
        var at = 0;
        while (at < line.Length)
        {
            if (char.IsWhiteSpace(line[at]))
            {
                at++;
                continue;
            }

            if (line[at] == '#')
                break;
            words.Add(ReadWord(line, ref at));
        }

        return words;
    }

    /// <summary>A number by position, decimal or with 0x.</summary>
    public ulong Number(string name, ulong maximum = ulong.MaxValue) => ParseNumber(name, Text(name), maximum);

    /// <summary>A number by position that is hexadecimal with 0x and without; null for the word <c>null</c>, 0 after a fault.</summary>
    public ulong? Hex(string name)
    {
        var text = Text(name);
        if (text == Null)
            return null;
        if (text is null)
            return 0;
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text[2..] : text;
        if (ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            return value;
        Refuse($"{name} is '{text}', not a hexadecimal number of at most 16 digits");
        return 0;
    }

    /// <summary>A number by name; <paramref name="absent"/> where it is not given.</summary>
    public ulong Named(string name, ulong absent, ulong maximum = ulong.MaxValue) =>
        NamedText(name) is { } text ? ParseNumber(name, text, maximum) : absent;

    /// <summary>A text by name; null where it is not given.</summary>
    public string? NamedText(string name)
    {
        var at = _rest.FindIndex(word => word.StartsWith(name + "=", StringComparison.Ordinal));
        if (at < 0)
            return null;
        var text = _rest[at][(name.Length + 1)..];
        _rest.RemoveAt(at);
        return text;
    }

    /// <summary>Numbers by name with commas between; null where it is not given.</summary>
    public ulong[]? NamedNumbers(string name, ulong maximum, int maximumCount)
    {
        if (NamedText(name) is not { } text)
            return null;
        var parts = text.Split(',');
        if (parts.Length <= maximumCount)
            return [.. parts.Select(part => ParseNumber(name, part, maximum))];
        Refuse($"{name} has {parts.Length} numbers; at most {maximumCount} are possible");
        return null;
    }

    /// <summary>Takes the word <c>null</c> in place of a structure.</summary>
    public bool TakeNull() => Flag(Null);

    /// <summary>Takes a word that stands for itself.</summary>
    public bool Flag(string name) => _rest.Remove(name);

    /// <summary>A text by position.</summary>
    public string? Text(string name)
    {
        if (_rest.Count == 0)
        {
            Refuse($"{name} is missing");
            return null;
        }

        var text = _rest[0];
        _rest.RemoveAt(0);
        return text;
    }

    /// <summary>A text by position that may be left out; null then.</summary>
    public string? OptionalText() => _rest.Count == 0 ? null : Text(string.Empty);

    /// <summary>Bytes by position, in hexadecimal in memory order. Null for the word <c>null</c>, and after a fault.</summary>
    /// <param name="name">What they are.</param>
    /// <param name="minimum">Least bytes.</param>
    /// <param name="maximum">Most bytes.</param>
    public byte[]? Bytes(string name, int minimum, int maximum)
    {
        var text = Text(name);
        if (text is null or Null)
            return null;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            Refuse($"{name} are bytes in memory order, so without 0x");
        else if (text.Length % 2 != 0 || !text.All(char.IsAsciiHexDigit))
            Refuse($"{name} are not pairs of hexadecimal digits");
        else if (text.Length / 2 < minimum || text.Length / 2 > maximum)
            Refuse(minimum == maximum ? $"{name} are {text.Length / 2} bytes; {minimum} are needed" : $"{name} are {text.Length / 2} bytes; {minimum} to {maximum} are possible");
        else
            return Convert.FromHexString(text);
        return null;
    }

    /// <summary>Adds a reason against the line.</summary>
    public void Refuse(string reason) => _reasons.Add(reason);

    /// <summary>Refuses the line if anything was wrong or is left over.</summary>
    /// <exception cref="CallException">Every reason.</exception>
    public void Complete()
    {
        _reasons.AddRange(_rest.Select(word => $"'{word}' is not understood"));
        if (_reasons.Count > 0)
            throw new CallException(_reasons);
    }

    private static string ReadWord(string line, ref int at)
    {
        var word = new System.Text.StringBuilder();
        var quoted = false;
        for (; at < line.Length && (quoted || (!char.IsWhiteSpace(line[at]) && line[at] != '#')); at++)
        {
            if (line[at] == '"')
                quoted = !quoted;
            else
                word.Append(line[at]);
        }

        return quoted ? throw new CallException("a quotation mark is not closed") : word.ToString();
    }

    /// <summary>Reads a number, decimal or with 0x; 0 after a fault.</summary>
    public ulong ParseNumber(string name, string? text, ulong maximum = ulong.MaxValue)
    {
        if (text is null)
            return 0;
        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var style = isHex ? NumberStyles.AllowHexSpecifier : NumberStyles.None;
        if (!ulong.TryParse(isHex ? text.AsSpan(2) : text, style, CultureInfo.InvariantCulture, out var value))
            Refuse($"{name} is '{text}', not a number");
        else if (value > maximum)
            Refuse($"{name} is {text}; the most is {maximum}");
        else
            return value;
        return 0;
    }
}
