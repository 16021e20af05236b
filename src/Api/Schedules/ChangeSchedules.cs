using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Serialization;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Schedules;

/// <summary>Creates, changes and deletes schedules. The Worker derives its triggers from them.</summary>
internal sealed class ChangeSchedules(CloudVmDbContext database, ProjectScope scope, TimeProvider timeProvider)
{
    public async Task<Answer> CreateAsync(Guid vmId, JsonBody<ScheduleDefinition> body, CancellationToken cancellationToken)
    {
        var vm = await scope.LockVmAsync(vmId, cancellationToken);
        await CheckAsync(body, vmId, self: null, cancellationToken);

        var now = timeProvider.GetDatabaseNow();
        var schedule = new SnapshotScheduleEntity
        {
            Id = timeProvider.NewId(),
            ProjectId = vm.ProjectId,
            VmId = vmId,
            Name = "",
            Cron = "",
            TimeZone = "",
            CreatedAt = now,
        };
        Apply(schedule, body.Value, now);
        database.SnapshotSchedules.Add(schedule);
        var contract = schedule.ToContract(lastRun: null);
        AddEvent(EventTypes.ScheduleCreated, contract, schedule, now);
        await database.SaveChangesAsync(cancellationToken);
        return Answer.Created($"/snapshot-schedules/{schedule.Id}", contract, contract.Etag);
    }

    public async Task<Answer> ReplaceAsync(Guid id, JsonBody<ScheduleDefinition> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var schedule = await LockAsync(id, cancellationToken);
        EntityTags.RequireMatch(request, schedule.Generation, schedule.ToContract(lastRun: null).Etag);
        return await ChangeAsync(schedule, body, cancellationToken);
    }

    public async Task<Answer> PatchAsync(Guid id, JsonBody<SchedulePatch> patch, HttpRequest request, CancellationToken cancellationToken)
    {
        var schedule = await LockAsync(id, cancellationToken);
        EntityTags.RequireMatch(request, schedule.Generation, schedule.ToContract(lastRun: null).Etag);
        var merged = MergePatch.Apply(JsonSerializer.SerializeToNode(DefinitionOf(schedule), CloudVmJson.Options), patch.Json);
        return await ChangeAsync(schedule, JsonBody<ScheduleDefinition>.Of(JsonSerializer.SerializeToElement(merged)), cancellationToken);
    }

    public async Task<Answer> DeleteAsync(Guid id, HttpRequest request, CancellationToken cancellationToken)
    {
        var schedule = await LockAsync(id, cancellationToken);
        var contract = schedule.ToContract(lastRun: null);
        EntityTags.CheckMatch(request, schedule.Generation, contract.Etag);
        database.Remove(schedule);
        AddEvent(EventTypes.ScheduleDeleted, contract, schedule, timeProvider.GetDatabaseNow());
        return Answer.NoContent();
    }

    private async Task<Answer> ChangeAsync(
        SnapshotScheduleEntity schedule, JsonBody<ScheduleDefinition> body, CancellationToken cancellationToken)
    {
        await CheckAsync(body, schedule.VmId, schedule.Id, cancellationToken);
        Apply(schedule, body.Value, timeProvider.GetDatabaseNow());
        var lastRun = await database.ScheduleRuns.AsNoTracking()
            .Where(r => r.ScheduleId == schedule.Id).OrderByDescending(r => r.ScheduledAt).FirstOrDefaultAsync(cancellationToken);
        var contract = schedule.ToContract(lastRun);
        AddEvent(EventTypes.ScheduleUpdated, contract, schedule, schedule.UpdatedAt);
        await database.SaveChangesAsync(cancellationToken);
        return Answer.Ok(contract, contract.Etag);
    }

    private async Task CheckAsync(JsonBody<ScheduleDefinition> body, Guid vmId, Guid? self, CancellationToken cancellationToken)
    {
        var definition = body.Value;
        if (definition.Name is null)
            Require(body, "/name", "A schedule needs a name.");
        else if (!Names.IsValid(definition.Name))
            body.Refuse("/name", "invalidName", Names.Rule);
        else if (await database.SnapshotSchedules.AnyAsync(s => s.VmId == vmId && s.Name == definition.Name && s.Id != self, cancellationToken))
            body.Refuse("/name", ProblemCodes.NameTaken, $"The VM has a schedule '{definition.Name}' already.");

        if (definition.Cron is null)
            Require(body, "/cron", "A schedule needs a cron expression.");
        else if (!CronExpression.TryParse(definition.Cron, out _, out var fault))
            body.Refuse("/cron", "invalidCron", fault);
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(definition.TimeZone, out _))
            body.Refuse("/timeZone", "unknownTimeZone", $"'{definition.TimeZone}' is no IANA time zone, such as UTC or Europe/Berlin.");
        if (definition.KeepLast is < 1 or > 1000)
            body.Refuse("/keepLast", "outOfRange", "Keep 1 to 1000 snapshots.");
        if (definition.KeepDaily is < 1 or > 3650)
            body.Refuse("/keepDaily", "outOfRange", "Keep daily snapshots for 1 to 3650 days, or leave it out.");
        body.RefuseIfInvalid();
    }

    private static void Require(JsonBody<ScheduleDefinition> body, string pointer, string message)
    {
        if (!body.Reasons.Exists(r => r.Pointer == pointer))
            body.Refuse(pointer, "required", message);
    }

    private static void Apply(SnapshotScheduleEntity schedule, ScheduleDefinition definition, DateTimeOffset now)
    {
        schedule.Name = definition.Name!;
        schedule.Cron = definition.Cron!;
        schedule.TimeZone = definition.TimeZone;
        schedule.KeepLast = definition.KeepLast;
        schedule.KeepDaily = definition.KeepDaily;
        schedule.MissedRunPolicy = definition.MissedRunPolicy;
        schedule.Enabled = definition.Enabled;
        schedule.Generation++;
        schedule.Revision++;
        schedule.UpdatedAt = now;
    }

    private async Task<SnapshotScheduleEntity> LockAsync(Guid id, CancellationToken cancellationToken)
    {
        await database.Database.ExecuteSqlAsync($"SELECT FROM snapshot_schedules WHERE id = {id} FOR UPDATE", cancellationToken);
        return await scope.Schedules.FirstOrDefaultAsync(s => s.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("snapshot schedule", id);
    }

    private void AddEvent(string type, SnapshotSchedule contract, SnapshotScheduleEntity schedule, DateTimeOffset at) => database.AddEvent(
        type,
        new ResourceReference("schedule", contract.Id.ToString(), contract.Name),
        schedule.ProjectId,
        schedule.VmId,
        contract,
        at);

    private static ScheduleDefinition DefinitionOf(SnapshotScheduleEntity schedule) => new()
    {
        Name = schedule.Name,
        Cron = schedule.Cron,
        TimeZone = schedule.TimeZone,
        KeepLast = schedule.KeepLast,
        KeepDaily = schedule.KeepDaily,
        MissedRunPolicy = schedule.MissedRunPolicy,
        Enabled = schedule.Enabled,
    };
}
