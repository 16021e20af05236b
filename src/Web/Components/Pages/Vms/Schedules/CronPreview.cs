using System.Collections.Immutable;
using System.Globalization;

namespace CloudVm.Web.Components.Pages.Vms.Schedules;

/// <summary>
/// Works out when a cron expression fires, to show it while it is typed. The API's reading counts; this one knows lists, ranges and steps,
/// and gives up on everything that schedulers read differently.
/// </summary>
public sealed class CronPreview
{
    private const int YearsAhead = 8;

    private static readonly string[] Months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    private static readonly string[] Weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

    private readonly ImmutableSortedSet<int> _seconds;
    private readonly ImmutableSortedSet<int> _minutes;
    private readonly ImmutableSortedSet<int> _hours;
    private readonly ImmutableSortedSet<int> _days;
    private readonly ImmutableSortedSet<int> _months;
    private readonly ImmutableSortedSet<int> _weekdays;

    private CronPreview(ImmutableSortedSet<int>[] fields) =>
        (_seconds, _minutes, _hours, _days, _months, _weekdays) = (fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]);

    /// <summary>Reads five fields (minute hour day month weekday), or six with leading seconds; null where a preview would be a guess.</summary>
    public static CronPreview? TryParse(string? text)
    {
        var parts = (text ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (parts.Length == 5)
            parts = ["0", .. parts];
        if (parts.Length != 6 || (!IsAny(parts[3]) && !IsAny(parts[5])))
            return null;

        // Weekdays by number mean Monday to one scheduler and Sunday to another; only names and the working week are safe.
        ImmutableSortedSet<int>?[] fields =
        [
            Field(parts[0], 0, 59), Field(parts[1], 0, 59), Field(parts[2], 0, 23), Field(parts[3], 1, 31),
            Field(parts[4], 1, 12, Months), Field(parts[5], 0, 6, Weekdays),
        ];
        return fields.Any(f => f is null) ? null : new CronPreview([.. fields.Select(f => f!)]);
    }

    /// <summary>The next times after <paramref name="after"/>, in the zone's own clock; hours that daylight saving skips are left out.</summary>
    public IEnumerable<DateTimeOffset> After(DateTimeOffset after, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(after, zone).DateTime;
        for (var day = local.Date; day < local.Date.AddYears(YearsAhead); day = day.AddDays(1))
        {
            if (!_months.Contains(day.Month) || !_days.Contains(day.Day) || !_weekdays.Contains((int)day.DayOfWeek))
                continue;
            foreach (var time in Times(day))
            {
                if (time > local && !zone.IsInvalidTime(time))
                    yield return new DateTimeOffset(time, zone.GetUtcOffset(time));
            }
        }
    }

    private IEnumerable<DateTime> Times(DateTime day) =>
        from hour in _hours from minute in _minutes from second in _seconds select day.Add(new TimeSpan(hour, minute, second));

    private static bool IsAny(string field) => field is "*" or "?";

    private static ImmutableSortedSet<int>? Field(string text, int low, int high, string[]? names = null)
    {
        if (IsAny(text))
            return [.. Enumerable.Range(low, high - low + 1)];

        var values = ImmutableSortedSet.CreateBuilder<int>();
        foreach (var part in text.Split(','))
        {
            var stepped = part.Split('/');
            var step = 1;
            if (stepped.Length > 2 || (stepped.Length == 2 && (!TryNumber(stepped[1], out step) || step < 1)))
                return null;
            var range = stepped[0].Split('-');
            int first, last;
            if (IsAny(stepped[0]))
                (first, last) = (low, high);
            else if (range.Length > 2 || !TryValue(range[0], low, names, out first))
                return null;
            else if (range.Length == 1)
                last = stepped.Length == 2 ? high : first;
            else if (!TryValue(range[1], low, names, out last))
                return null;
            if (first < low || last > high || last < first)
                return null;
            for (var value = first; value <= last; value += step)
                values.Add(value);
        }

        return values.ToImmutable();
    }

    private static bool TryValue(string text, int low, string[]? names, out int value)
    {
        var index = names is null ? -1 : Array.FindIndex(names, n => n.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (index >= 0)
        {
            value = index + low;
            return true;
        }

        value = 0;
        return names != Weekdays && TryNumber(text, out value);
    }

    private static bool TryNumber(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
