using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;

namespace CloudVm.Api.Vms;

/// <summary><c>POST /vms:start</c> and <c>POST /vms:stop</c>: each VM by itself, one refusal spoils no other.</summary>
internal sealed class BulkVms(CloudVmDbContext database, VmVerbs verbs)
{
    private const int MaxItems = 500;

    public Task<Answer> StartAsync(JsonBody<BulkVmRequest> body, CancellationToken cancellationToken) =>
        HandleAsync(body, VmVerb.Start, _ => null, cancellationToken);

    public Task<Answer> StopAsync(JsonBody<BulkVmRequest> body, CancellationToken cancellationToken) =>
        HandleAsync(body, VmVerb.Stop, request => VmVerbs.StopParameters(request.Force, request.TimeoutSeconds), cancellationToken);

    private async Task<Answer> HandleAsync(
        JsonBody<BulkVmRequest> body, VmVerb verb, Func<BulkVmRequest, object?> parameters, CancellationToken cancellationToken)
    {
        if (body.Value.Ids is not { Count: > 0 and <= MaxItems } && body.Reasons.Count == 0)
            body.Refuse("/ids", "outOfRange", $"Name 1 to {MaxItems} VMs.");
        if (body.Value.Ids?.Distinct().Count() != body.Value.Ids?.Count)
            body.Refuse("/ids", "duplicate", "A VM is named twice.");
        VmVerbs.CheckTimeout(body, body.Value.TimeoutSeconds);
        var request = body.Demand();

        // Locks are taken in one order, so that two bulk calls never wait for each other.
        var byId = new Dictionary<Guid, BulkItem>();
        foreach (var id in request.Ids!.Order())
            byId[id] = await TryAsync(id, verb, parameters(request), request.Force && verb == VmVerb.Stop, cancellationToken);
        return Answer.MultiStatus(new BulkResult { Items = [.. request.Ids!.Select(id => byId[id])] });
    }

    private async Task<BulkItem> TryAsync(Guid id, VmVerb verb, object? parameters, bool force, CancellationToken cancellationToken)
    {
        const string savepoint = "bulk_item";
        var transaction = database.Database.CurrentTransaction!;
        await transaction.CreateSavepointAsync(savepoint, cancellationToken);
        try
        {
            var vm = await verbs.LockAsync(id, request: null, cancellationToken);
            Operation operation = await verbs.EnqueueAsync(vm, verb, parameters, force, cancellationToken);
            await database.SaveChangesAsync(cancellationToken);
            return new BulkItem { Id = id, Status = StatusCodes.Status202Accepted, Operation = operation };
        }
        catch (ProblemException refusal)
        {
            database.ChangeTracker.Clear();
            await transaction.RollbackToSavepointAsync(savepoint, cancellationToken);
            return new BulkItem { Id = id, Status = refusal.Status, Problem = refusal.ToProblem() };
        }
    }
}
