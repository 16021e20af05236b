using System.Globalization;
using System.Text.Json;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Events;

/// <summary>Reads positioned events.</summary>
internal sealed class EventStore(IDbContextFactory<CloudVmDbContext> databases)
{
    public const int Batch = 500;

    /// <summary>The events after a position, oldest first, at most <see cref="Batch"/>.</summary>
    public async Task<IReadOnlyList<PositionedEvent>> ReadAfterAsync(long position, CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        var rows = await (
            from e in database.OutboxEvents
            join p in database.Projects on e.ProjectId equals p.Id into projects
            from p in projects.DefaultIfEmpty()
            where e.Position > position
            orderby e.Position
            select new { Event = e, Project = p.Name }).AsNoTracking().Take(Batch).ToListAsync(cancellationToken);
        return [.. rows.Select(r => ToPositioned(r.Event, r.Project))];
    }

    /// <summary>The highest position given and the highest forgotten.</summary>
    public async Task<(long Last, long Trimmed)> ReadBoundsAsync(CancellationToken cancellationToken)
    {
        await using var database = await databases.CreateDbContextAsync(cancellationToken);
        var positions = await database.EventPositions.AsNoTracking().SingleAsync(cancellationToken);
        return (positions.Last, positions.Trimmed);
    }

    private static PositionedEvent ToPositioned(OutboxEventEntity row, string? project)
    {
        var position = row.Position!.Value;
        return new PositionedEvent(position, row.ProjectId, row.VmId, new EventRecord
        {
            Position = position.ToString(CultureInfo.InvariantCulture),
            Type = row.Type,
            At = row.At,
            Resource = new ResourceReference(row.ResourceType, row.ResourceId, row.ResourceName),
            Project = project ?? "",
            Data = row.Data is null ? null : JsonElement.Parse(row.Data),
        });
    }
}
