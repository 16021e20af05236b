using CloudVm.Contracts.Schedules;

namespace CloudVm.Storage.Entities;

/// <summary>When to take snapshots of a VM. Quartz triggers are derived from it.</summary>
public sealed class SnapshotScheduleEntity
{
    public Guid Id { get; init; }

    public Guid ProjectId { get; init; }

    public Guid VmId { get; init; }

    public required string Name { get; set; }

    public required string Cron { get; set; }

    public required string TimeZone { get; set; }

    public int KeepLast { get; set; }

    public int? KeepDaily { get; set; }

    public MissedRunPolicy MissedRunPolicy { get; set; }

    public bool Enabled { get; set; }

    public DateTimeOffset? NextRunAt { get; set; }

    /// <summary>Counts changes of the definition.</summary>
    public long Generation { get; set; }

    /// <summary>Counts every change of this row.</summary>
    public long Revision { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; set; }

    public ICollection<ScheduleRunEntity> Runs { get; } = [];
}

/// <summary>One firing of a schedule.</summary>
public sealed class ScheduleRunEntity
{
    public Guid Id { get; init; }

    public Guid ScheduleId { get; init; }

    public DateTimeOffset ScheduledAt { get; init; }

    public DateTimeOffset FiredAt { get; init; }

    public Guid? OperationId { get; set; }

    public ScheduleRunOutcome Outcome { get; set; }

    public string? Message { get; set; }
}
