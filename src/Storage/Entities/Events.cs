namespace CloudVm.Storage.Entities;

/// <summary>An event, written in the transaction of the change it tells of.</summary>
public sealed class OutboxEventEntity
{
    /// <summary>Given by the database at insert, so not in the order of commits.</summary>
    public long Id { get; init; }

    /// <summary>Given after commit by the one sequencer; the order that readers see.</summary>
    public long? Position { get; set; }

    /// <summary>Null for what belongs to no project, such as nodes.</summary>
    public Guid? ProjectId { get; init; }

    public required string Type { get; init; }

    public required string ResourceType { get; init; }

    public required string ResourceId { get; init; }

    public string? ResourceName { get; init; }

    /// <summary>The VM that the event concerns, if any.</summary>
    public Guid? VmId { get; init; }

    public string? Data { get; init; }

    public DateTimeOffset At { get; init; }
}

/// <summary>The one row that says how far positions have been given and trimmed.</summary>
public sealed class EventPositionsEntity
{
    /// <summary>Always 1.</summary>
    public short Id { get; init; }

    /// <summary>The highest position given.</summary>
    public long Last { get; set; }

    /// <summary>Events up to this position are gone.</summary>
    public long Trimmed { get; set; }
}
