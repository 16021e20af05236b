using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Paging;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary><c>GET /vms</c></summary>
internal sealed class ListVms(CloudVmDbContext database, ProjectScope scope, Pager pager)
{
    public async Task<Answer> HandleAsync(ListRequest request, CancellationToken cancellationToken) => Answer.Ok(
        await pager.ListAsync(
            scope.Vms.WithDetails(),
            request,
            VmListing.Instance,
            page => ToContractsAsync(page, cancellationToken),
            cancellationToken));

    private async Task<IReadOnlyList<Vm>> ToContractsAsync(IReadOnlyList<VirtualMachineEntity> page, CancellationToken cancellationToken)
    {
        var active = await database.FindActiveOperationIdsAsync([.. page.Select(v => v.Id)], cancellationToken);
        return [.. page.Select(v => v.ToContract(active.TryGetValue(v.Id, out var id) ? id : null))];
    }
}

/// <summary><c>GET /vms/{id}</c></summary>
internal sealed class GetVm(CloudVmDbContext database, ProjectScope scope)
{
    public async Task<Answer> HandleAsync(Guid id, CancellationToken cancellationToken)
    {
        var vm = await scope.Vms.WithDetails().AsNoTracking().FirstOrDefaultAsync(v => v.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("VM", id);
        var active = await database.FindActiveOperationAsync(id, cancellationToken);
        var contract = vm.ToContract(active?.Id);
        return Answer.Ok(contract, contract.Etag);
    }
}
