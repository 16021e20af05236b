using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Operations;
using CloudVm.Storage;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Operations;

/// <summary><c>POST /operations/{id}:cancel</c></summary>
internal sealed class CancelOperation(CloudVmDbContext database, ProjectScope scope, TimeProvider timeProvider)
{
    public async Task<Answer> HandleAsync(Guid id, CancellationToken cancellationToken)
    {
        await database.Database.ExecuteSqlAsync($"SELECT FROM operations WHERE id = {id} FOR UPDATE", cancellationToken);
        var operation = await scope.Operations.FirstOrDefaultAsync(o => o.Id == id, cancellationToken)
            ?? throw Refusal.NotFound("operation", id);
        if (!operation.State.IsFinal() && operation.State != OperationState.Cancelling)
        {
            database.RequestCancel(operation, scope.Principal.UserName, timeProvider.GetDatabaseNow());
            await database.SaveChangesAsync(cancellationToken);
            if (operation.VmId is { } vmId)
                await database.PromoteNextAsync(vmId, cancellationToken);
        }

        var contract = operation.ToContract();
        return Answer.Ok(contract, GetOperation.EtagOf(contract));
    }
}
