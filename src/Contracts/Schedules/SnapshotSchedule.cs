namespace CloudVm.Contracts.Schedules;

/// <summary>Takes snapshots of a VM at the times of a cron expression.</summary>
public sealed record SnapshotSchedule
{
    public required Guid Id { get; init; }

    public required Guid VmId { get; init; }

    /// <summary>Unique for the VM.</summary>
    public required string Name { get; init; }

    /// <summary>Five fields (minute hour day month weekday), or six with leading seconds.</summary>
    public required string Cron { get; init; }

    /// <summary>IANA name of the zone the expression is read in, such as <c>Europe/Berlin</c>.</summary>
    public required string TimeZone { get; init; }

    /// <summary>How many of this schedule's newest snapshots are kept.</summary>
    public required int KeepLast { get; init; }

    /// <summary>For how many days the newest snapshot of the day is kept beyond that.</summary>
    public int? KeepDaily { get; init; }

    public required MissedRunPolicy MissedRunPolicy { get; init; }

    public required bool Enabled { get; init; }

    public DateTimeOffset? NextRunAt { get; init; }

    public ScheduleRun? LastRun { get; init; }

    /// <summary>The ETag's value without quotes.</summary>
    public required string Etag { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }
}

/// <summary>One firing of a schedule.</summary>
public sealed record ScheduleRun
{
    public required Guid Id { get; init; }

    public required Guid ScheduleId { get; init; }

    /// <summary>When it was due.</summary>
    public required DateTimeOffset ScheduledAt { get; init; }

    public required DateTimeOffset FiredAt { get; init; }

    public Guid? OperationId { get; init; }

    public required ScheduleRunOutcome Outcome { get; init; }

    public string? Message { get; init; }
}

/// <summary>What happens to firings that were due while nothing could fire them.</summary>
public enum MissedRunPolicy
{
    Skip = 0,
    RunOnce = 1,
}

/// <summary>Stored by name: a name never changes.</summary>
public enum ScheduleRunOutcome
{
    Started = 0,
    Succeeded = 1,
    Failed = 2,
    Skipped = 3,
}

/// <summary>Body that creates or replaces a schedule.</summary>
public sealed record ScheduleDefinition
{
    public string? Name { get; init; }

    public string? Cron { get; init; }

    public string TimeZone { get; init; } = "UTC";

    /// <summary>1 to 1000; 7 when left out.</summary>
    public int KeepLast { get; init; } = 7;

    /// <summary>1 to 3650.</summary>
    public int? KeepDaily { get; init; }

    public MissedRunPolicy MissedRunPolicy { get; init; }

    public bool Enabled { get; init; } = true;
}

/// <summary>Body of <c>PATCH</c> on a schedule (JSON merge patch).</summary>
public sealed record SchedulePatch
{
    public string? Name { get; init; }

    public string? Cron { get; init; }

    public string? TimeZone { get; init; }

    public int? KeepLast { get; init; }

    public int? KeepDaily { get; init; }

    public MissedRunPolicy? MissedRunPolicy { get; init; }

    public bool? Enabled { get; init; }
}
