using Quartz;

namespace CloudVm.Worker.Schedules;

/// <summary>
/// Cron expressions as the API takes them: five fields as in crontab, or six with leading seconds. Weekdays count as in crontab, 0 and 7
/// being Sunday, in both forms.
/// </summary>
public static class ScheduleCron
{
    private const int FieldsWithSeconds = 6;

    /// <summary>Reads an expression.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    public static CronExpression Parse(string text, TimeZoneInfo zone)
    {
        string[] fields = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        bool hasSeconds = fields.Length == FieldsWithSeconds;
        CronExpression minutes = CronExpression.Parse(string.Join(' ', hasSeconds ? fields[1..] : fields), CronFormat.Unix);
        if (!hasSeconds)
            return minutes.WithTimeZone(zone);

        // The scheduler's own form begins with the seconds.
        string rest = minutes.CronExpressionString[(minutes.CronExpressionString.IndexOf(' ', StringComparison.Ordinal) + 1)..];
        return CronExpression.Parse($"{fields[0]} {rest}").WithTimeZone(zone);
    }
}
