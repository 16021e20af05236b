using System.Text.Json;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Nodes;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;

namespace CloudVm.Storage.Events;

/// <summary>
/// Writes events into the outbox, in the caller's unit of work: an event exists exactly when the change it tells of does.
/// Types are those of <see cref="EventTypes"/>.
/// </summary>
public static class EventOutbox
{
    public static void AddEvent(this CloudVmDbContext database, string type, Vm vm, Guid projectId, DateTimeOffset at) =>
        database.AddEvent(type, new ResourceReference("vm", vm.Id.ToString(), vm.Name), projectId, vm.Id, vm, at);

    public static void AddEvent(this CloudVmDbContext database, string type, Operation operation, OperationEntity entity, DateTimeOffset at) =>
        database.AddEvent(
            type, new ResourceReference("operation", operation.Id.ToString(), Name: null), entity.ProjectId, entity.VmId, operation, at);

    public static void AddEvent(this CloudVmDbContext database, string type, Snapshot snapshot, Guid projectId, DateTimeOffset at) =>
        database.AddEvent(
            type, new ResourceReference("snapshot", snapshot.Id.ToString(), snapshot.Name), projectId, snapshot.VmId, snapshot, at);

    public static void AddEvent(this CloudVmDbContext database, string type, Image image, Guid? projectId, DateTimeOffset at) =>
        database.AddEvent(type, new ResourceReference("image", image.Id.ToString(), image.Name), projectId, vmId: null, image, at);

    public static void AddEvent(this CloudVmDbContext database, string type, Node node, DateTimeOffset at) =>
        database.AddEvent(type, new ResourceReference("node", node.Id.ToString(), node.Name), projectId: null, vmId: null, node, at);

    /// <summary>Writes an event about any resource.</summary>
    /// <param name="database">The unit of work; the event is stored with its next save.</param>
    /// <param name="type">One of <see cref="EventTypes"/>.</param>
    /// <param name="resource">What it is about.</param>
    /// <param name="projectId">The owning project; null for what belongs to none.</param>
    /// <param name="vmId">The VM that it concerns, for <c>/vms/{id}/events</c>.</param>
    /// <param name="data">The resource after the change.</param>
    /// <param name="at">When.</param>
    public static void AddEvent(
        this CloudVmDbContext database, string type, ResourceReference resource, Guid? projectId, Guid? vmId, object? data, DateTimeOffset at) =>
        database.OutboxEvents.Add(new OutboxEventEntity
        {
            Type = type,
            ProjectId = projectId,
            ResourceType = resource.Type,
            ResourceId = resource.Id,
            ResourceName = resource.Name,
            VmId = vmId,
            Data = data is null ? null : JsonSerializer.Serialize(data, data.GetType(), CloudVmJson.Options),
            At = at,
        });
}
