namespace CloudVm.Storage;

/// <summary>Times as PostgreSQL keeps them.</summary>
public static class DatabaseTime
{
    /// <summary>The present time in whole microseconds, so that what is answered now equals what is read back later.</summary>
    public static DateTimeOffset GetDatabaseNow(this TimeProvider timeProvider)
    {
        var now = timeProvider.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
    }

    /// <summary>A new id whose order is the order of creation.</summary>
    public static Guid NewId(this TimeProvider timeProvider) => Guid.CreateVersion7(timeProvider.GetUtcNow());
}
