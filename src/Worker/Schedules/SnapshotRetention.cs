namespace CloudVm.Worker.Schedules;

/// <summary>A snapshot that a schedule took.</summary>
public readonly record struct ScheduledSnapshot(Guid Id, DateTimeOffset CreatedAt);

/// <summary>Which of a schedule's snapshots are kept.</summary>
public static class SnapshotRetention
{
    /// <summary>The snapshots that neither rule keeps.</summary>
    /// <param name="snapshots">All of the schedule's complete snapshots.</param>
    /// <param name="keepLast">So many of the newest are kept.</param>
    /// <param name="keepDaily">Beyond those, the newest one of each of so many days is kept, counting back from today.</param>
    /// <param name="zone">Where days begin.</param>
    /// <param name="now">Decides which day is today.</param>
    public static IReadOnlyList<ScheduledSnapshot> SelectExpired(
        IEnumerable<ScheduledSnapshot> snapshots, int keepLast, int? keepDaily, TimeZoneInfo zone, DateTimeOffset now)
    {
        ScheduledSnapshot[] newestFirst = [.. snapshots.OrderByDescending(snapshot => snapshot.CreatedAt).ThenByDescending(snapshot => snapshot.Id)];
        HashSet<Guid> kept = [.. newestFirst.Take(keepLast).Select(snapshot => snapshot.Id)];
        if (keepDaily is { } days)
        {
            DateOnly oldestDay = DayOf(now, zone).AddDays(1 - days);
            kept.UnionWith(newestFirst
                .GroupBy(snapshot => DayOf(snapshot.CreatedAt, zone))
                .Where(day => day.Key >= oldestDay)
                .Select(day => day.First().Id));
        }

        return [.. newestFirst.Where(snapshot => !kept.Contains(snapshot.Id))];
    }

    private static DateOnly DayOf(DateTimeOffset time, TimeZoneInfo zone) => DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(time, zone).DateTime);
}
