using CloudVm.Worker.Schedules;

namespace CloudVm.Worker.Tests.Schedules;

public sealed class ScheduleCronTests
{
    private static readonly TimeZoneInfo Berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");

    [Theory]
    [InlineData("30 4 * * *", "2026-01-01T00:00:00Z", "2026-01-01T03:30:00Z")]
    [InlineData("30 4 * * *", "2026-07-01T00:00:00Z", "2026-07-01T02:30:00Z")]
    [InlineData("15 30 4 * * *", "2026-01-01T00:00:00Z", "2026-01-01T03:30:15Z")]
    [InlineData("*/10 * * * * *", "2026-01-01T00:00:01Z", "2026-01-01T00:00:10Z")]
    [InlineData("0 12 * * 0", "2026-01-01T00:00:00Z", "2026-01-04T11:00:00Z")]
    [InlineData("0 12 * * 7", "2026-01-01T00:00:00Z", "2026-01-04T11:00:00Z")]
    [InlineData("0 0 12 * * 1", "2026-01-01T00:00:00Z", "2026-01-05T11:00:00Z")]
    [InlineData("0 0 1 1 *", "2026-01-01T00:00:00Z", "2026-12-31T23:00:00Z")]
    public void Next_time_is_in_the_schedules_zone_with_crontab_weekdays(string cron, string after, string next) =>
        Assert.Equal(DateTimeOffset.Parse(next), ScheduleCron.Parse(cron, Berlin).GetNextValidTimeAfter(DateTimeOffset.Parse(after)));

    [Theory]
    [InlineData("")]
    [InlineData("* * *")]
    [InlineData("61 * * * *")]
    [InlineData("x * * * *")]
    public void Malformed_expressions_are_refused(string cron) =>
        Assert.Throws<FormatException>(() => ScheduleCron.Parse(cron, TimeZoneInfo.Utc));
}
