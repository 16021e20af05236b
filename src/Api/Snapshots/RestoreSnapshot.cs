using CloudVm.Api.Access;
using CloudVm.Api.Shared;
using CloudVm.Api.Shared.Answers;
using CloudVm.Api.Shared.Bodies;
using CloudVm.Api.Shared.Problems;
using CloudVm.Api.Vms;
using CloudVm.Contracts;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Api.Snapshots;

/// <summary>Restores in place and into new VMs, and forks of VMs as they are now.</summary>
internal sealed class RestoreSnapshot(
    CloudVmDbContext database,
    ProjectScope scope,
    VmVerbs verbs,
    CreateVm create,
    SnapshotCompatibility compatibility,
    TimeProvider timeProvider)
{
    /// <summary><c>POST /vms/{id}:restore</c></summary>
    public async Task<Answer> RestoreInPlaceAsync(
        Guid vmId, JsonBody<RestoreVmRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        if (body.Value.SnapshotId is null && body.Reasons.Count == 0)
            body.Refuse("/snapshotId", "required", "Name the snapshot to restore.");
        var snapshotId = body.Demand().SnapshotId!.Value;
        var vm = await verbs.LockAsync(vmId, request, cancellationToken);
        return await RestoreInPlaceAsync(vm, await FindForBodyAsync(snapshotId, cancellationToken), cancellationToken);
    }

    /// <summary><c>POST /snapshots/{id}:restore</c></summary>
    public async Task<Answer> RestoreAsync(Guid id, JsonBody<RestoreSnapshotRequest> body, CancellationToken cancellationToken)
    {
        var snapshot = await FindAsync(id, cancellationToken) ?? throw Refusal.NotFound("snapshot", id);
        if (body.Value.NewVmName is { } name)
            return await RestoreToNewAsync(snapshot, name, "/newVmName", OperationKind.SnapshotRestore, body.Reasons, cancellationToken);

        body.RefuseIfInvalid();
        if (!await scope.Vms.AnyAsync(v => v.Id == snapshot.VmId, cancellationToken))
            throw Refusal.InvalidState($"VM '{snapshot.VmName}' is deleted; give newVmName to make a new one from its snapshot.");
        var vm = await verbs.LockAsync(snapshot.VmId, request: null, cancellationToken);
        return await RestoreInPlaceAsync(vm, snapshot, cancellationToken);
    }

    /// <summary><c>POST /vms/{id}:fork</c></summary>
    public async Task<Answer> ForkAsync(Guid vmId, JsonBody<ForkVmRequest> body, HttpRequest request, CancellationToken cancellationToken)
    {
        var source = await verbs.LockAsync(vmId, request, cancellationToken);
        if (body.Value.Name is null && !body.Reasons.Exists(r => r.Pointer == "/name"))
            body.Refuse("/name", "required", "The new VM needs a name.");
        if (body.Value.SnapshotId is { } snapshotId)
        {
            var snapshot = await FindForBodyAsync(snapshotId, cancellationToken);
            return await RestoreToNewAsync(snapshot, body.Value.Name, "/name", OperationKind.VmFork, body.Reasons, cancellationToken);
        }

        await CheckNameAsync(source.ProjectId, body.Value.Name, "/name", body.Reasons, cancellationToken);
        body.RefuseIfInvalid();
        if (!source.Status!.HasGuest())
            throw Refusal.InvalidState($"VM '{source.Name}' is {source.Status!.Phase.ToString().ToLowerInvariant()}: there is no guest to fork.");
        if (await database.FindActiveOperationAsync(vmId, cancellationToken) is { } active)
            throw Refusal.InProgress(active);

        // The copy starts from memory that only the source's node has.
        var fork = NewVm(source.ProjectId, body.Value.Name!, source.ImageId, source.Cpu, source.MemoryMiB, source.Disks, source.CommandLine);
        fork.NodeId = source.NodeId;
        fork.Network = source.Network;
        return await EnqueueAsync(fork, OperationKind.VmFork, snapshotId: null, source.Id, cancellationToken);
    }

    private async Task<Answer> RestoreInPlaceAsync(VirtualMachineEntity vm, SnapshotEntity snapshot, CancellationToken cancellationToken)
    {
        DemandReady(snapshot);
        if (await database.FindActiveOperationAsync(vm.Id, cancellationToken) is { } active)
            throw Refusal.InProgress(active);
        await compatibility.DemandAsync(snapshot, vm.Cpu, vm.MemoryMiB, vm.Disks, cancellationToken);
        return Answer.Accepted(
            await verbs.EnqueueAsync(vm, VmVerb.Restore, new OperationRequests.Restore(snapshot.Id), force: false, cancellationToken));
    }

    private async Task<Answer> RestoreToNewAsync(
        SnapshotEntity snapshot,
        string? name,
        string pointer,
        OperationKind kind,
        List<ProblemReason> reasons,
        CancellationToken cancellationToken)
    {
        await CheckNameAsync(snapshot.ProjectId, name, pointer, reasons, cancellationToken);
        if (reasons.Count > 0)
            throw Refusal.Invalid(reasons);
        DemandReady(snapshot);
        IReadOnlyList<VmDisk> disks =
            [.. snapshot.Disks.Select(d => new VmDisk { Name = d.Name, Image = d.Image, SizeMiB = d.SizeMiB, ReadOnly = d.ReadOnly })];
        await compatibility.DemandAsync(snapshot, snapshot.Cpu, snapshot.MemoryMiB, disks, cancellationToken);
        var vm = NewVm(snapshot.ProjectId, name!, snapshot.ImageId, snapshot.Cpu, snapshot.MemoryMiB, disks, snapshot.CommandLine);
        // A snapshot holds the card, not what it was connected to: that is as its VM has it now.
        vm.Network = await database.VirtualMachines.Where(v => v.Id == snapshot.VmId).Select(v => v.Network).FirstOrDefaultAsync(cancellationToken);
        return await EnqueueAsync(vm, kind, snapshot.Id, sourceVmId: null, cancellationToken);
    }

    private async Task<Answer> EnqueueAsync(
        VirtualMachineEntity vm, OperationKind kind, Guid? snapshotId, Guid? sourceVmId, CancellationToken cancellationToken)
    {
        vm.Project = await database.Projects.FirstAsync(p => p.Id == vm.ProjectId, cancellationToken);
        vm.Image = await database.Images.FirstAsync(i => i.Id == vm.ImageId, cancellationToken);
        await create.AddAsync(vm, cancellationToken);
        var operation = database.Enqueue(
            new NewOperation
            {
                Kind = kind,
                ProjectId = vm.ProjectId,
                Target = new ResourceReference("vm", vm.Id.ToString(), vm.Name),
                VmId = vm.Id,
                SourceVmId = sourceVmId,
                Request = new OperationRequests.Restore(snapshotId),
                CreatedBy = scope.Principal.UserName,
            },
            timeProvider);
        return Answer.Accepted(operation.ToContract());
    }

    private VirtualMachineEntity NewVm(Guid projectId, string name, Guid imageId, CpuSpec cpu, int memoryMiB, IReadOnlyList<VmDisk> disks, string? commandLine)
    {
        var now = timeProvider.GetDatabaseNow();
        return new VirtualMachineEntity
        {
            Id = timeProvider.NewId(),
            ProjectId = projectId,
            Name = name,
            Labels = "{}",
            ImageId = imageId,
            Cpu = cpu,
            VcpuCount = cpu.Count,
            HostProfile = cpu.HostProfile,
            MemoryMiB = memoryMiB,
            Disks = disks,
            CommandLine = commandLine,
            DesiredState = DesiredState.Running,
            Generation = 1,
            Revision = 1,
            Status = new VmStatusEntity { Phase = VmPhase.Stopped, ObservedAt = now },
            CreatedAt = now,
            UpdatedAt = now,
        };
    }

    private async Task CheckNameAsync(
        Guid projectId, string? name, string pointer, List<ProblemReason> reasons, CancellationToken cancellationToken)
    {
        if (name is null)
            return;
        if (!Names.IsValid(name))
            reasons.Add(new ProblemReason(pointer, "invalidName", Names.Rule));
        else if (await database.VirtualMachines.AnyAsync(v => v.ProjectId == projectId && v.Name == name && v.DeletedAt == null, cancellationToken))
            reasons.Add(new ProblemReason(pointer, ProblemCodes.NameTaken, $"There is a VM '{name}' already."));
    }

    private Task<SnapshotEntity?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        scope.Snapshots.FirstOrDefaultAsync(s => s.Id == id && s.State != SnapshotState.Creating, cancellationToken);

    private async Task<SnapshotEntity> FindForBodyAsync(Guid id, CancellationToken cancellationToken) =>
        await FindAsync(id, cancellationToken)
            ?? throw Refusal.Invalid("/snapshotId", "unknownSnapshot", $"There is no snapshot '{id}'.");

    private static void DemandReady(SnapshotEntity snapshot)
    {
        if (snapshot.State != SnapshotState.Ready)
            throw Refusal.InvalidState($"Snapshot '{snapshot.Name}' is {snapshot.State.ToString().ToLowerInvariant()}.");
    }
}
