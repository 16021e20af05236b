using System.Text.Json;
using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary><c>PUT /vms/{id}</c> and <c>PATCH /vms/{id}</c></summary>
internal sealed class ChangeVm(CloudVmDbContext database, ProjectScope scope, VmDefinitions definitions, TimeProvider timeProvider)
{
    public async Task<Answer> ReplaceAsync(Guid id, JsonBody<VmDefinition> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await LockAsync(id, request, cancellationToken);
        return await ChangeAsync(vm, body, cancellationToken);
    }

    /// <summary>A merge patch makes a new whole definition, which is checked as a replacement is.</summary>
    public async Task<Answer> PatchAsync(Guid id, JsonBody<VmPatch> patch, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await LockAsync(id, request, cancellationToken);
        var merged = MergePatch.Apply(JsonSerializer.SerializeToNode(DefinitionOf(vm), CloudVmJson.Options), patch.Json);
        return await ChangeAsync(vm, JsonBody<VmDefinition>.Of(JsonSerializer.SerializeToElement(merged)), cancellationToken);
    }

    private async Task<VirtualMachineEntity> LockAsync(Guid id, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await scope.LockVmAsync(id, cancellationToken);
        await database.Entry(vm).Reference(v => v.Project).LoadAsync(cancellationToken);
        await database.Entry(vm).Reference(v => v.Image).LoadAsync(cancellationToken);
        await database.Entry(vm).Reference(v => v.Status).Query().Include(s => s.Node).LoadAsync(cancellationToken);
        EntityTags.RequireMatch(request, vm.Generation, vm.ToContract(operationId: null).Etag);
        return vm;
    }

    private async Task<Answer> ChangeAsync(VirtualMachineEntity vm, JsonBody<VmDefinition> body, CancellationToken cancellationToken)
    {
        if (body.Value.Project is { } project && project != vm.Project!.Name)
            body.Refuse("/project", "immutable", $"The VM belongs to project '{vm.Project.Name}' and cannot leave it.");
        var definition = await definitions.CheckAsync(body, vm.Project, vm, cancellationToken);

        vm.Name = definition.Definition.Name!;
        vm.Description = definition.Definition.Description;
        vm.Labels = JsonSerializer.Serialize(definition.Definition.Labels ?? new Dictionary<string, string>());
        vm.Image = definition.Image;
        vm.Cpu = definition.Cpu;
        vm.VcpuCount = definition.Cpu.Count;
        vm.HostProfile = definition.Cpu.HostProfile;
        vm.MemoryMiB = definition.MemoryMiB;
        vm.Disks = definition.Disks;
        vm.CommandLine = definition.Definition.CommandLine;
        vm.Network = definition.Definition.Network;
        vm.RestartPolicy = definition.Definition.RestartPolicy;
        vm.Generation++;
        vm.Revision++;
        vm.UpdatedAt = timeProvider.GetDatabaseNow();
        await database.SaveChangesAsync(cancellationToken);

        var active = await database.FindActiveOperationAsync(vm.Id, cancellationToken);
        var contract = vm.ToContract(active?.Id);
        database.AddEvent(EventTypes.VmUpdated, contract, vm.ProjectId, vm.UpdatedAt);
        return Answer.Ok(contract, contract.Etag);
    }

    private static VmDefinition DefinitionOf(VirtualMachineEntity vm) => new()
    {
        Name = vm.Name,
        Description = vm.Description,
        Labels = JsonSerializer.Deserialize<Dictionary<string, string>>(vm.Labels),
        Image = vm.ImageId.ToString(),
        Cpu = vm.Cpu with { Sve = vm.Cpu.Sve with { EffectiveVectorLengthsBits = null } },
        MemoryMiB = vm.MemoryMiB,
        Disks = [.. vm.Disks.Select(d => new DiskSpec { Name = d.Name, Image = d.Image?.Id.ToString(), SizeMiB = d.SizeMiB, ReadOnly = d.ReadOnly })],
        CommandLine = vm.CommandLine,
        Network = vm.Network,
        RestartPolicy = vm.RestartPolicy,
    };
}
