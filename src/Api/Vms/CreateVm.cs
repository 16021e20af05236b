using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;

namespace CloudVm.Api.Vms;

/// <summary><c>POST /vms</c></summary>
internal sealed class CreateVm(CloudVmDbContext database, ProjectScope scope, VmDefinitions definitions, TimeProvider timeProvider)
{
    public async Task<Answer> HandleAsync(JsonBody<VmDefinition> body, CancellationToken cancellationToken)
    {
        var project = await scope.FindProjectAsync(body.Value.Project, body.Reasons, cancellationToken);
        var definition = await definitions.CheckAsync(body, project, self: null, cancellationToken);

        var vm = await AddAsync(NewVm(definition, project!), cancellationToken);
        return Answer.Created($"/vms/{vm.Id}", vm, vm.Etag);
    }

    /// <summary>Stores a new VM with its first status and its event.</summary>
    public async Task<Vm> AddAsync(VirtualMachineEntity entity, CancellationToken cancellationToken)
    {
        database.VirtualMachines.Add(entity);
        await database.SaveChangesAsync(cancellationToken);
        var vm = entity.ToContract(operationId: null);
        database.AddEvent(EventTypes.VmCreated, vm, entity.ProjectId, entity.CreatedAt);
        return vm;
    }

    private VirtualMachineEntity NewVm(CheckedDefinition definition, ProjectEntity project)
    {
        var now = timeProvider.GetDatabaseNow();
        return new VirtualMachineEntity
        {
            Id = timeProvider.NewId(),
            ProjectId = project.Id,
            Project = project,
            Name = definition.Definition.Name!,
            Description = definition.Definition.Description,
            Labels = JsonSerializer.Serialize(definition.Definition.Labels ?? new Dictionary<string, string>()),
            ImageId = definition.Image.Id,
            Image = definition.Image,
            Cpu = definition.Cpu,
            VcpuCount = definition.Cpu.Count,
            HostProfile = definition.Cpu.HostProfile,
            MemoryMiB = definition.MemoryMiB,
            Disks = definition.Disks,
            CommandLine = definition.Definition.CommandLine,
            Network = definition.Definition.Network,
            RestartPolicy = definition.Definition.RestartPolicy,
            DesiredState = DesiredState.Stopped,
            Generation = 1,
            Revision = 1,
            Status = new VmStatusEntity { Phase = VmPhase.Stopped, ObservedAt = now },
            CreatedAt = now,
            UpdatedAt = now,
        };
    }
}
