using CloudVm.Api.Access;
using CloudVm.Api.Nodes;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Api.Shared.UnitsOfWork;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Events;
using CloudVm.Storage.Operations;

namespace CloudVm.Api.Vms;

/// <summary>
/// <c>PUT /vms/{id}/vcpus/{n}/registers</c>: the VM stays locked until the node has answered, so that no operation begins in between.
/// </summary>
internal sealed class WriteVcpuRegisters(CloudVmDbContext database, ProjectScope scope, VmVerbs vms, NodeProxy nodes, TimeProvider timeProvider)
{
    public async Task<Answer> WriteAsync(
        Guid id, int vcpu, JsonBody<WriteVcpuRegistersRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var count = body.Value.Registers.Count;
        if (body.Reasons.Count == 0 && count is 0 or > WriteVcpuRegistersRequest.MaxRegisters)
            body.Refuse("/registers", "outOfRange", $"Name 1 to {WriteVcpuRegistersRequest.MaxRegisters} registers.");
        return Answer.Ok(await PassAsync(id, vcpu, body.Demand(), request, cancellationToken));
    }

    public async Task<Answer> WriteOneAsync(
        Guid id, int vcpu, string register, JsonBody<WriteVcpuRegisterRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var write = new WriteVcpuRegistersRequest { Registers = [new VcpuRegisterWrite { Register = register, Value = body.Demand().Value }] };
        try
        {
            return Answer.Ok((await PassAsync(id, vcpu, write, request, cancellationToken)).Registers[0]);
        }
        catch (ProblemException e) when (e.Status == StatusCodes.Status422UnprocessableEntity)
        {
            throw ForOne(e, register, vcpu);
        }
    }

    /// <summary>The same refusal in terms of a request for one register: its pointers, and 404 where there is no such register.</summary>
    private static ProblemException ForOne(ProblemException refusal, string register, int vcpu)
    {
        const string Name = "/registers/0/register";
        const string Value = "/registers/0/value";
        return refusal.Reasons.Any(r => r.Pointer == Name)
            ? Refusal.NotFound($"register of vCPU {vcpu}", register)
            : Refusal.Invalid(refusal.Reasons.Select(r => r with { Pointer = r.Pointer == Value ? "/value" : r.Pointer }));
    }

    private async Task<VcpuRegisterContents> PassAsync(
        Guid id, int vcpu, WriteVcpuRegistersRequest write, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await vms.LockAsync(id, request: null, cancellationToken);
        if (await database.FindActiveOperationAsync(vm.Id, cancellationToken) is { } active)
            throw Refusal.InProgress(active);
        if (vm.Status!.Phase != VmPhase.Paused || await nodes.FindNodeAsync(vm, cancellationToken) is not { } node)
        {
            throw Refusal.InvalidState(
                $"VM '{vm.Name}' is {vm.Status.Phase.ToString().ToLowerInvariant()}: registers are written while it is paused.");
        }

        var query = QueryFlags.Read(request, "validateOnly") ? "?validateOnly=true" : "";
        var contents = await nodes.AskAsync<VcpuRegisterContents>(
            node, HttpMethod.Put, $"/vms/{id}/vcpus/{vcpu}/registers{query}", write, cancellationToken);
        database.AddEvent(
            EventTypes.VmRegistersWritten, new ResourceReference("vm", vm.Id.ToString(), vm.Name), vm.ProjectId, vm.Id,
            new VcpuRegistersWritten(vcpu, [.. contents.Registers.Select(r => r.Name)], scope.Principal.UserName), timeProvider.GetDatabaseNow());
        return contents;
    }
}
