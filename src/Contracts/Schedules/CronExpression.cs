using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace CloudVm.Contracts.Schedules;

/// <summary>
/// A cron expression as people write it: <c>minute hour day month weekday</c>, or six fields with leading seconds. Fields
/// take <c>*</c>, numbers, names, ranges, lists and steps; weekday 0 and 7 are Sunday. Day and weekday cannot both be
/// restricted, for the tools that read such an expression disagree on what it means.
/// </summary>
public sealed class CronExpression
{
    private static readonly Field[] Fields =
    [
        new("second", 0, 59, []),
        new("minute", 0, 59, []),
        new("hour", 0, 23, []),
        new("day", 1, 31, []),
        new("month", 1, 12, ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]),
        new("weekday", 0, 7, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    ];

    private const int Day = 3;
    private const int Weekday = 5;

    private readonly SortedSet<int>?[] _values;

    private CronExpression(SortedSet<int>?[] values) => _values = values;

    /// <summary>Reads an expression.</summary>
    /// <param name="text">Five or six fields, separated by spaces.</param>
    /// <param name="expression">The expression, where there is no fault.</param>
    /// <param name="fault">One sentence that says what is wrong.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out CronExpression? expression, [NotNullWhen(false)] out string? fault)
    {
        expression = null;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is not (5 or 6))
        {
            fault = $"A cron expression has five fields (minute hour day month weekday) or six with leading seconds, not {words.Length}.";
            return false;
        }

        if (words.Length == 5)
            words = ["0", .. words];
        var values = new SortedSet<int>?[Fields.Length];
        for (var i = 0; i < Fields.Length; i++)
        {
            if (!Fields[i].TryRead(words[i], out values[i], out fault))
                return false;
        }

        if (values[Day] is not null && values[Weekday] is not null)
        {
            fault = "Restrict the day of the month or the weekday, not both.";
            return false;
        }

        fault = null;
        expression = new CronExpression(values);
        return true;
    }

    /// <summary>The expression in Quartz.NET's dialect: seconds first, days as names, <c>?</c> for the day that is not restricted.</summary>
    public string ToQuartz()
    {
        var words = _values.Select(v => v is null ? "*" : string.Join(',', v)).ToArray();
        words[Day] = _values[Weekday] is null ? words[Day] : "?";
        words[Weekday] = _values[Weekday] is { } days ? string.Join(',', days.Select(d => Fields[Weekday].Names[d])) : "?";
        return string.Join(' ', words);
    }

    private sealed record Field(string Name, int Least, int Most, string[] Names)
    {
        /// <param name="word">The field.</param>
        /// <param name="values">The values it allows; null for all.</param>
        /// <param name="fault">What is wrong.</param>
        public bool TryRead(string word, out SortedSet<int>? values, [NotNullWhen(false)] out string? fault)
        {
            values = null;
            fault = null;
            if (word is "*" or "?")
                return true;

            values = [];
            foreach (var part in word.Split(','))
            {
                if (!TryReadPart(part, values))
                {
                    fault = $"'{part}' is no {Name}: {Least} to {Most}, ranges (a-b), lists (a,b) and steps (*/n) are.";
                    return false;
                }
            }

            return true;
        }

        private bool TryReadPart(string part, SortedSet<int> values)
        {
            var slash = part.Split('/');
            var step = 1;
            if (slash.Length > 2 || (slash.Length == 2 && (!TryReadNumber(slash[1], out step) || step < 1)))
                return false;

            int first, last;
            if (slash[0] == "*")
            {
                (first, last) = (Least, IsWeekday ? 6 : Most);
            }
            else
            {
                var range = slash[0].Split('-');
                if (range.Length > 2 || !TryReadValue(range[0], out first))
                    return false;
                last = slash.Length == 2 ? Most : first;
                if (range.Length == 2 && !TryReadValue(range[1], out last))
                    return false;
            }

            if (first > last)
                return false;
            for (var value = first; value <= last; value += step)
                values.Add(IsWeekday ? value % 7 : value);
            return true;
        }

        private bool IsWeekday => Name == "weekday";

        private bool TryReadValue(string text, out int value)
        {
            var name = Array.IndexOf(Names, text.ToUpperInvariant());
            if (name >= 0)
            {
                value = name + Least;
                return true;
            }

            return TryReadNumber(text, out value) && value >= Least && value <= Most;
        }

        private static bool TryReadNumber(string text, out int value) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }
}
