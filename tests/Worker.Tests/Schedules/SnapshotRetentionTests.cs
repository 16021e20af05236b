using CloudVm.Worker.Schedules;

namespace CloudVm.Worker.Tests.Schedules;

public sealed class SnapshotRetentionTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 10, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Newest_are_kept()
    {
        ScheduledSnapshot[] hourly = Hourly(10);
        Assert.Equal(hourly[3..].Select(s => s.Id), Expired(hourly, keepLast: 3, keepDaily: null));
        Assert.Empty(Expired(hourly, keepLast: 10, keepDaily: null));
    }

    [Fact]
    public void Newest_of_each_day_is_kept_beyond_them()
    {
        // 48 hourly snapshots back from noon: 13 of today, 24 of yesterday, 11 of the day before.
        ScheduledSnapshot[] hourly = Hourly(48);
        HashSet<Guid> expired = [.. Expired(hourly, keepLast: 2, keepDaily: 2)];
        Assert.Equal([0, 1, 13], Enumerable.Range(0, 48).Where(i => !expired.Contains(hourly[i].Id)));
    }

    [Fact]
    public void Days_begin_where_the_schedule_lives()
    {
        // 22:30 UTC is the next day in Berlin.
        ScheduledSnapshot before = new(Guid.CreateVersion7(), new DateTimeOffset(2026, 3, 9, 22, 30, 0, TimeSpan.Zero));
        ScheduledSnapshot after = new(Guid.CreateVersion7(), new DateTimeOffset(2026, 3, 9, 23, 30, 0, TimeSpan.Zero));
        ScheduledSnapshot today = new(Guid.CreateVersion7(), Now);
        IReadOnlyList<ScheduledSnapshot> expired = SnapshotRetention.SelectExpired(
            [before, after, today], keepLast: 1, keepDaily: 2, TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin"), Now);
        Assert.Equal([after.Id], expired.Select(s => s.Id));
    }

    private static ScheduledSnapshot[] Hourly(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new ScheduledSnapshot(Guid.CreateVersion7(), Now.AddHours(-i)))];

    private static IEnumerable<Guid> Expired(ScheduledSnapshot[] snapshots, int keepLast, int? keepDaily) =>
        SnapshotRetention.SelectExpired(snapshots, keepLast, keepDaily, TimeZoneInfo.Utc, Now).Select(s => s.Id);
}
