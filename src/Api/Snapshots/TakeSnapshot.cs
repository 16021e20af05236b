using System.Globalization;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Vms;
using CloudVm.Contracts;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Snapshots;

/// <summary><c>POST /vms/{id}:snapshot</c></summary>
internal sealed class TakeSnapshot(CloudVmDbContext database, VmVerbs verbs, TimeProvider timeProvider)
{
    public async Task<Answer> HandleAsync(Guid id, JsonBody<SnapshotVmRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await verbs.LockAsync(id, request, cancellationToken);
        var now = timeProvider.GetUtcNow();
        var name = body.Value.Name ?? now.ToString("'snapshot-'yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture);
        if (!Names.IsValid(name))
            body.Refuse("/name", "invalidName", Names.Rule);
        else if (await database.Snapshots.AnyAsync(
            s => s.VmId == id && s.Name == name && s.State != SnapshotState.Failed, cancellationToken))
            body.Refuse("/name", ProblemCodes.NameTaken, $"VM '{vm.Name}' has a snapshot '{name}' already.");
        if (body.Value.Description?.Length > VmLimits.MaxDescriptionLength)
            body.Refuse("/description", "tooLong", $"A description has at most {VmLimits.MaxDescriptionLength} characters.");
        body.RefuseIfInvalid();

        var parameters = new OperationRequests.TakeSnapshot(timeProvider.NewId(), name, body.Value.Description, ScheduleId: null);
        return Answer.Accepted(await verbs.EnqueueAsync(vm, VmVerb.Snapshot, parameters, force: false, cancellationToken));
    }
}
