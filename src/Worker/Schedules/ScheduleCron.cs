using Quartz;
using ScheduleExpression = CloudVm.Contracts.Schedules.CronExpression;

namespace CloudVm.Worker.Schedules;

/// <summary>Makes the scheduler's expressions from those that the API has accepted.</summary>
public static class ScheduleCron
{
    /// <summary>Reads an expression.</summary>
    /// <exception cref="FormatException">It is malformed.</exception>
    public static CronExpression Parse(string text, TimeZoneInfo zone) =>
        ScheduleExpression.TryParse(text, out var expression, out var fault)
            ? CronExpression.Parse(expression.ToQuartz()).WithTimeZone(zone)
            : throw new FormatException(fault);
}
