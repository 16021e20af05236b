using System.Linq.Expressions;
using CloudVm.Api.Shared.Filtering;
using CloudVm.Api.Shared.Paging;
using CloudVm.Storage;
using CloudVm.Storage.Entities;

namespace CloudVm.Api.Vms;

internal static class VmListing
{
    public static Listing<VirtualMachineEntity> Instance { get; } = new(
        new FieldMap<VirtualMachineEntity>()
            .Add("id", v => v.Id)
            .AddOrdered("name", v => v.Name)
            .Add("description", v => v.Description)
            .Add("project", v => v.Project!.Name)
            .Add("image.id", v => v.ImageId)
            .Add("image.name", v => v.Image!.Name)
            .AddOrdered("cpu.count", v => v.VcpuCount)
            .AddOrdered("cpu.hostProfile", v => v.HostProfile)
            .AddOrdered("memoryMiB", v => v.MemoryMiB)
            .Add("network", v => v.Network)
            .Add("restartPolicy", v => v.RestartPolicy)
            .Add("desiredState", v => v.DesiredState)
            .Add("status.phase", v => v.Status!.Phase)
            .Add("status.nodeId", v => v.Status!.NodeId)
            .Add("status.nodeName", v => v.Status!.Node!.Name)
            .AddOrdered("generation", v => v.Generation)
            .AddOrdered("createdAt", v => v.CreatedAt)
            .AddOrdered("updatedAt", v => v.UpdatedAt)
            .AddMap("labels", LabelOf),
        DefaultOrder: "createdAt desc",
        Key: (Expression<Func<VirtualMachineEntity, Guid>>)(v => v.Id));

    private static Expression<Func<VirtualMachineEntity, string?>> LabelOf(string key) =>
        v => DatabaseFunctions.JsonText(v.Labels, key);
}
