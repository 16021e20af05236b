using System.Text.Json;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Storage.Mapping;

/// <summary>Turns a VM's rows into what the API and its events show.</summary>
public static class VmMapping
{
    /// <summary>Loads what <see cref="ToContract(VirtualMachineEntity, Guid?)"/> needs.</summary>
    public static IQueryable<VirtualMachineEntity> WithDetails(this IQueryable<VirtualMachineEntity> vms) =>
        vms.Include(v => v.Project).Include(v => v.Image).Include(v => v.Status!).ThenInclude(s => s.Node);

    /// <summary>Loads a VM as the API shows it; null where there is none.</summary>
    public static async Task<Vm?> FindVmContractAsync(this CloudVmDbContext database, Guid vmId, CancellationToken cancellationToken)
    {
        var vm = await database.VirtualMachines.WithDetails().FirstOrDefaultAsync(v => v.Id == vmId, cancellationToken).ConfigureAwait(false);
        if (vm is null)
            return null;
        var active = await database.FindActiveOperationAsync(vmId, cancellationToken).ConfigureAwait(false);
        return vm.ToContract(active?.Id);
    }

    /// <param name="vm">With its project, image, status and the status's node.</param>
    /// <param name="operationId">The VM's active operation, if any.</param>
    public static Vm ToContract(this VirtualMachineEntity vm, Guid? operationId)
    {
        var status = vm.Status!;
        return new Vm
        {
            Id = vm.Id,
            Project = vm.Project!.Name,
            Name = vm.Name,
            Description = vm.Description,
            Labels = JsonSerializer.Deserialize<Dictionary<string, string>>(vm.Labels, CloudVmJson.Options)!,
            Image = new ImageReference(vm.ImageId, vm.Image!.Name),
            Cpu = vm.Cpu,
            MemoryMiB = vm.MemoryMiB,
            Disks = vm.Disks,
            CommandLine = vm.CommandLine,
            Network = vm.Network,
            RestartPolicy = vm.RestartPolicy,
            DesiredState = vm.DesiredState,
            PendingRestart = status.HasGuest() && status.ObservedGeneration != vm.Generation,
            Status = status.ToContract(operationId),
            Generation = vm.Generation,
            Etag = $"{vm.Generation}.{vm.Revision + status.Revision}",
            CreatedAt = vm.CreatedAt,
            UpdatedAt = vm.UpdatedAt,
        };
    }

    /// <summary>Whether a guest exists, running or not.</summary>
    public static bool HasGuest(this VmStatusEntity status) => status.Phase is not (VmPhase.Stopped or VmPhase.Crashed);

    private static VmStatus ToContract(this VmStatusEntity status, Guid? operationId) => new()
    {
        Phase = status.Phase,
        Reason = status.Reason,
        Message = status.Message,
        NodeId = status.NodeId,
        NodeName = status.Node?.Name,
        ProcessId = status.ProcessId,
        StartedAt = status.StartedAt,
        LastExit = status.LastExit,
        OperationId = operationId,
        RetiredInstructions = status.RetiredInstructions,
        Disks = status.Disks,
        DebuggerAttached = status.DebuggerAttached,
        ObservedGeneration = status.ObservedGeneration,
        ObservedAt = status.ObservedAt,
    };
}
