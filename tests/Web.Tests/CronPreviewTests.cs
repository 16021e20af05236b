using System.Globalization;
using CloudVm.Web.Components.Pages.Vms.Schedules;

namespace CloudVm.Web.Tests;

public sealed class CronPreviewTests
{
    [Theory]
    [InlineData("0 2 * * *", "UTC", "2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z", "2026-11-24T02:00:00Z")]
    [InlineData("*/15 * * * *", "UTC", "2026-11-23T01:07:00Z", "2026-11-23T01:15:00Z", "2026-11-23T01:30:00Z")]
    [InlineData("30 0 9-17/4 * * ?", "UTC", "2026-11-23T10:00:00Z", "2026-11-23T13:00:30Z", "2026-11-23T17:00:30Z")]
    [InlineData("0 20 * * MON-FRI", "UTC", "2026-11-27T20:00:00Z", "2026-11-30T20:00:00Z", "2026-12-01T20:00:00Z")]
    [InlineData("0 0 29 2 *", "UTC", "2026-11-23T00:00:00Z", "2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z")]
    [InlineData("0 2 * * *", "Europe/Berlin", "2026-11-23T00:30:00Z", "2026-11-23T01:00:00Z", "2026-11-24T01:00:00Z")]
    public void Runs_follow_the_zones_own_clock(string cron, string zone, string now, string first, string second)
    {
        var runs = CronPreview.TryParse(cron)!.After(At(now), TimeZoneInfo.FindSystemTimeZoneById(zone)).Take(2).ToList();

        Assert.Equal([At(first), At(second)], runs);
    }

    [Fact]
    public void An_hour_that_daylight_saving_skips_has_no_run()
    {
        var runs = CronPreview.TryParse("30 2 * * *")!.After(At("2027-03-27T12:00:00Z"), TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin")).First();

        Assert.Equal(At("2027-03-29T00:30:00Z"), runs);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("* * * *")]
    [InlineData("0 0 1 * MON")]
    [InlineData("0 0 * * 1")]
    [InlineData("0 0 L * *")]
    [InlineData("61 * * * *")]
    [InlineData("*/0 * * * *")]
    [InlineData("5-1 * * * *")]
    [InlineData("0 0 * * MON#2")]
    public void What_schedulers_read_differently_has_no_preview(string? cron) => Assert.Null(CronPreview.TryParse(cron));

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
