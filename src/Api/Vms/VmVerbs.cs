using CloudVm.Api.Access;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Contracts;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Vms;

/// <summary>A verb on a VM: what it becomes and when it makes sense.</summary>
/// <param name="Kind">The operation.</param>
/// <param name="Desired">The desired state that it sets; null leaves it.</param>
/// <param name="Phases">Phases it is allowed in; empty for all.</param>
internal sealed record VmVerb(OperationKind Kind, DesiredState? Desired, params VmPhase[] Phases)
{
    private static readonly VmPhase[] WithGuest = [VmPhase.Starting, VmPhase.Running, VmPhase.Paused];

    public static VmVerb Start { get; } =
        new(OperationKind.VmStart, DesiredState.Running, VmPhase.Stopped, VmPhase.Crashed, VmPhase.Stopping, VmPhase.Starting, VmPhase.Running);

    public static VmVerb Stop { get; } = new(OperationKind.VmStop, DesiredState.Stopped);

    public static VmVerb Pause { get; } = new(OperationKind.VmPause, DesiredState.Paused, WithGuest);

    public static VmVerb Resume { get; } = new(OperationKind.VmResume, DesiredState.Running, VmPhase.Paused, VmPhase.Running);

    public static VmVerb Reset { get; } = new(OperationKind.VmReset, DesiredState.Running, WithGuest);

    public static VmVerb Snapshot { get; } = new(OperationKind.VmSnapshot, Desired: null, WithGuest);

    public static VmVerb Restore { get; } = new(OperationKind.VmRestore, DesiredState.Running);

    public static VmVerb Delete { get; } =
        new(OperationKind.VmDelete, DesiredState.Stopped, VmPhase.Stopped, VmPhase.Crashed);
}

/// <summary>Asks for operations on VMs: one at a time for each, and a forced one in place of what is under way.</summary>
internal sealed class VmVerbs(CloudVmDbContext database, ProjectScope scope, TimeProvider timeProvider)
{
    /// <summary>A verb without parameters.</summary>
    public async Task<Answer> RequestAsync(Guid id, VmVerb verb, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await LockAsync(id, request, cancellationToken);
        return Answer.Accepted(await EnqueueAsync(vm, verb, parameters: null, force: false, cancellationToken));
    }

    /// <summary><c>:stop</c></summary>
    public async Task<Answer> StopAsync(Guid id, JsonBody<StopVmRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        CheckTimeout(body, body.Value.TimeoutSeconds);
        var stop = body.Demand();
        var vm = await LockAsync(id, request, cancellationToken);
        return Answer.Accepted(await EnqueueAsync(vm, VmVerb.Stop, StopParameters(stop.Force, stop.TimeoutSeconds), stop.Force, cancellationToken));
    }

    /// <summary>Refuses a time-out that is out of range.</summary>
    public static void CheckTimeout<T>(JsonBody<T> body, int? seconds)
        where T : class, new()
    {
        if (seconds is < 1 or > StopVmRequest.MaxTimeoutSeconds)
            body.Refuse("/timeoutSeconds", "outOfRange", $"A guest gets 1 to {StopVmRequest.MaxTimeoutSeconds} seconds to shut down.");
    }

    /// <summary>What the Worker is told of a stop.</summary>
    public static OperationRequests.Stop StopParameters(bool force, int? timeoutSeconds) =>
        new(force, timeoutSeconds ?? StopVmRequest.DefaultTimeoutSeconds);

    /// <summary><c>DELETE /vms/{id}</c>: of a stopped VM, or of any by force. Its snapshots survive.</summary>
    public async Task<Answer> DeleteAsync(Guid id, bool force, HttpRequest request, CancellationToken cancellationToken)
    {
        var vm = await LockAsync(id, request, cancellationToken);
        return Answer.Accepted(await EnqueueAsync(vm, VmVerb.Delete, new OperationRequests.Stop(force), force, cancellationToken));
    }

    /// <summary>The VM, locked for this transaction, with what its contract needs.</summary>
    public async Task<VirtualMachineEntity> LockAsync(Guid id, HttpRequest? request, CancellationToken cancellationToken)
    {
        await scope.LockVmAsync(id, cancellationToken);
        var vm = await scope.Vms.WithDetails().FirstAsync(v => v.Id == id, cancellationToken);
        if (request is not null)
            EntityTags.CheckMatch(request, vm.Generation, vm.ToContract(operationId: null).Etag);
        return vm;
    }

    /// <summary>Refuses while another operation is under way, unless forced, and in phases where the verb makes no sense.</summary>
    public async Task<Operation> EnqueueAsync(
        VirtualMachineEntity vm, VmVerb verb, object? parameters, bool force, CancellationToken cancellationToken)
    {
        var active = await database.FindActiveOperationAsync(vm.Id, cancellationToken);
        if (active is not null && !force)
            throw Refusal.InProgress(active);
        if (!force && verb.Phases.Length > 0 && !verb.Phases.Contains(vm.Status!.Phase))
            throw Refusal.InvalidState(DescribeState(vm, verb));

        var now = timeProvider.GetDatabaseNow();
        if (active is not null)
        {
            database.Cancel(active, ProblemCodes.Superseded, $"A forced {verb.Kind} by {scope.Principal.UserName} superseded it.", now);
            await database.SaveChangesAsync(cancellationToken);
        }

        var operation = database.Enqueue(
            new NewOperation
            {
                Kind = verb.Kind,
                ProjectId = vm.ProjectId,
                Target = new ResourceReference("vm", vm.Id.ToString(), vm.Name),
                VmId = vm.Id,
                Request = parameters,
                ExtraTime = parameters is OperationRequests.Stop stop ? TimeSpan.FromSeconds(stop.TimeoutSeconds) : TimeSpan.Zero,
                CreatedBy = scope.Principal.UserName,
            },
            timeProvider);
        vm.DesiredState = verb.Desired ?? vm.DesiredState;
        vm.Revision++;
        vm.UpdatedAt = now;
        await database.SaveChangesAsync(cancellationToken);

        database.AddEvent(EventTypes.VmUpdated, vm.ToContract(operation.Id), vm.ProjectId, now);
        return operation.ToContract();
    }

    private static string DescribeState(VirtualMachineEntity vm, VmVerb verb)
    {
        var phase = vm.Status!.Phase.ToString().ToLowerInvariant();
        var hint = verb == VmVerb.Delete ? " Stop it first, or use force." : "";
        return $"VM '{vm.Name}' is {phase}: {verb.Kind} is possible when it is "
            + $"{string.Join(", ", verb.Phases.Select(p => p.ToString().ToLowerInvariant()))}.{hint}";
    }
}
