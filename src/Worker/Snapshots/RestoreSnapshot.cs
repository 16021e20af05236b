using CloudVm.Contracts.Control;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Machines;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Reconciling;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Snapshots;

/// <summary>
/// Puts a VM (or a new one) into the state of a snapshot. Everything that can be checked is checked while the present guest still runs;
/// from then on the operation is repeated until it is complete.
/// </summary>
public sealed class RestoreSnapshot(
    PowerControl power,
    VmProcesses processes,
    VmStatusStore statuses,
    SnapshotCatalog catalog,
    DirtyBases bases,
    UploadSessions sessions,
    MemoryDownload download,
    DiskDownload diskDownload,
    MachineBuilder machines,
    DiskFiles diskFiles,
    FencedDatabase database,
    TimeProvider time)
{
    private const int Attempts = 3;

    /// <summary>Carries out the operation.</summary>
    public async Task RunAsync(OperationRun run, VmLease lease)
    {
        Guid snapshotId = OperationStore.ReadRequest<OperationRequests.Restore>(run.Operation).SnapshotId
            ?? throw OperationFailedException.InvalidState("The operation names no snapshot.");
        HypervisorInstance instance = await RestoreAsync(run, lease, snapshotId, 20).ConfigureAwait(false);
        await FinishAsync(run, lease, instance, (_, _) => Task.CompletedTask).ConfigureAwait(false);
    }

    /// <summary>Restores the VM, and leaves the guest running, or paused if that is wanted.</summary>
    /// <param name="run">The operation.</param>
    /// <param name="lease">The VM's lease.</param>
    /// <param name="snapshotId">What to restore.</param>
    /// <param name="firstProgress">Progress that this part starts from.</param>
    /// <exception cref="OperationFailedException">The snapshot is gone, damaged or does not fit; every reason is named.</exception>
    public async Task<HypervisorInstance> RestoreAsync(OperationRun run, VmLease lease, Guid snapshotId, int firstProgress)
    {
        await run.ReportAsync(firstProgress, "checking").ConfigureAwait(false);
        VirtualMachineEntity vm = await statuses.FindAsync(lease.VmId, run.Token).ConfigureAwait(false)
            ?? throw OperationFailedException.InvalidState("The VM is gone.");
        Guid session = await sessions.OpenAsync(run.Operation.Id, run.Token).ConfigureAwait(false);
        try
        {
            StoredSnapshot snapshot = await LoadAsync(vm, snapshotId, run.Token).ConfigureAwait(false);
            for (int attempt = 1; ; attempt++)
            {
                try
                {
                    return await TransferAsync(run, vm, lease, snapshot, session, firstProgress).ConfigureAwait(false);
                }
                catch (HttpRequestException) when (attempt < Attempts && !run.Token.IsCancellationRequested)
                {
                    // The process ended under the call. What it held was being replaced anyway.
                    await power.DiscardAsync(lease.VmId, run.Token).ConfigureAwait(false);
                }
            }
        }
        catch (InvalidDataException damaged)
        {
            throw new OperationFailedException(
                new Problem { Title = "The snapshot is damaged", Status = 422, Code = ProblemCodes.IncompatibleSnapshot, Detail = damaged.Message }, damaged);
        }
        finally
        {
            await CloseAsync(session).ConfigureAwait(false);
        }
    }

    /// <summary>Lets the restored guest go on, and ends the operation.</summary>
    public async Task FinishAsync(OperationRun run, VmLease lease, HypervisorInstance instance, Func<CloudVmDbContext, CancellationToken, Task> alsoAsync)
    {
        await run.ReportAsync(95, "resuming").ConfigureAwait(false);
        VirtualMachineEntity vm = (await statuses.FindAsync(lease.VmId, run.Token).ConfigureAwait(false))!;
        bool paused = vm.DesiredState == DesiredState.Paused;
        if (!paused)
            await instance.Client.ResumeAsync(run.Token).ConfigureAwait(false);
        await run.SucceedAsync(async (db, token) =>
        {
            await statuses.ChangeAsync(db, lease, (current, status) =>
            {
                current.DesiredState = paused ? DesiredState.Paused : DesiredState.Running;
                VmStatusStore.SetGuest(status, paused ? VmPhase.Paused : VmPhase.Running, instance);
            }, token).ConfigureAwait(false);
            await alsoAsync(db, token).ConfigureAwait(false);
            return new { VmId = lease.VmId };
        }).ConfigureAwait(false);
    }

    /// <summary>Cleans up after a restore that will not be completed: a half-restored machine is no guest.</summary>
    public async Task AbandonAsync(VmLease lease, CancellationToken ct)
    {
        VirtualMachineEntity? vm = await statuses.FindAsync(lease.VmId, ct).ConfigureAwait(false);
        if (vm?.Status?.Phase != VmPhase.Restoring)
            return; // It had not begun to replace the guest, which goes on.
        await power.DiscardAsync(lease.VmId, ct).ConfigureAwait(false);
        await statuses.WriteAsync(lease, (current, status) =>
        {
            current.DesiredState = DesiredState.Stopped;
            VmStatusStore.SetEnded(status, VmPhase.Stopped, "restoreAbandoned", "A restore was not completed, so there is no guest. Start the VM or restore it again.");
        }, ct).ConfigureAwait(false);
    }

    private async Task<StoredSnapshot> LoadAsync(VirtualMachineEntity vm, Guid snapshotId, CancellationToken ct)
    {
        StoredSnapshot snapshot = await catalog.FindAsync(snapshotId, ct).ConfigureAwait(false)
            ?? throw new OperationFailedException(
                new Problem { Title = "The snapshot is gone", Status = 404, Code = ProblemCodes.NotFound, Detail = $"There is no complete snapshot {snapshotId}." });
        HostProfileEntity profile = await database.ReadAsync(
            (db, token) => db.HostProfiles.FirstAsync(p => p.Name == vm.HostProfile, token), ct).ConfigureAwait(false);
        SveResolution sve = SveResolver.Resolve(vm.Cpu, profile.VirtualisableVectorLengths());
        IReadOnlyList<ProblemReason> reasons =
            [.. sve.Reasons, .. SnapshotCompatibility.Check(snapshot.Row, vm, [.. sve.PerVcpu.Select(set => (IReadOnlyList<int>)set)])];
        if (reasons.Count > 0)
            throw OperationFailedException.Incompatible(reasons);
        await download.CheckAsync(snapshot, ct).ConfigureAwait(false);
        await CheckBasesAsync(vm, snapshot.Row, ct).ConfigureAwait(false);
        return snapshot;
    }

    /// <summary>The very images that the snapshot's blocks lie over must be on this node.</summary>
    private async Task CheckBasesAsync(VirtualMachineEntity vm, SnapshotEntity snapshot, CancellationToken ct)
    {
        IReadOnlyList<(StartedDisk Disk, string? BasePath)> present = await machines.ResolveDisksAsync(vm, ct).ConfigureAwait(false);
        ProblemReason[] reasons =
        [
            .. snapshot.Disks.Zip(present).Where(pair => pair.First.ImageSha256 != pair.Second.Disk.ImageSha256).Select(pair => new ProblemReason(
                "/disks", "differentBase",
                $"Disk '{pair.First.Name}' lies over an image with SHA-256 {pair.First.ImageSha256}; here it is {pair.Second.Disk.ImageSha256}.")),
        ];
        if (reasons.Length > 0)
            throw OperationFailedException.Incompatible(reasons);
    }

    private async Task<HypervisorInstance> TransferAsync(
        OperationRun run, VirtualMachineEntity vm, VmLease lease, StoredSnapshot snapshot, Guid session, int firstProgress)
    {
        CancellationToken ct = run.Token;
        HypervisorInstance instance = await PrepareMachineAsync(vm, lease, ct).ConfigureAwait(false);
        bases.Forget(vm.Id);
        (string generation, IReadOnlyList<RestoreDisk> targets) = diskFiles.BeginRestore(
            vm.Id, vm.Disks.Zip(snapshot.Row.Disks, (disk, saved) => (disk, saved.ImageSha256)));
        await instance.Client.BeginRestoreAsync(targets, ct).ConfigureAwait(false);
        int afterMemory = targets.Count == 0 ? 90 : firstProgress + ((90 - firstProgress) / 2);
        await run.ReportAsync(firstProgress + 5, "restoringMemory").ConfigureAwait(false);
        await download.RunAsync(
            instance.Client, snapshot.Memory, session,
            share => run.ReportAsync(firstProgress + 5 + (int)(share * (afterMemory - firstProgress - 5)), "restoringMemory"), ct).ConfigureAwait(false);
        for (int i = 0; i < snapshot.Disks.Count; i++)
        {
            int from = afterMemory + ((90 - afterMemory) * i / snapshot.Disks.Count);
            int share = (90 - afterMemory) / snapshot.Disks.Count;
            await run.ReportAsync(from, "restoringDisks").ConfigureAwait(false);
            await diskDownload.RunAsync(
                instance.Client, snapshot.Disks[i], session, done => run.ReportAsync(from + (int)(done * share), "restoringDisks"), ct).ConfigureAwait(false);
        }


        await run.ReportAsync(92, "restoringState").ConfigureAwait(false);
        await instance.Client.PutStateAsync(snapshot.State, ct).ConfigureAwait(false);

        // The process uses the new overlays from now on; so must every later one.
        if (targets.Count > 0)
            diskFiles.CompleteRestore(vm.Id, generation);
        await instance.Client.AppendConsoleMarkerAsync($"restored from snapshot {snapshot.Row.Name}", ct).ConfigureAwait(false);
        await instance.Client.BeginDirtyEpochAsync(ct).ConfigureAwait(false);
        MemoryChunkMap memory = await instance.Client.GetChunkMapAsync(ct).ConfigureAwait(false);
        bases.Remember(vm.Id, snapshot.Row.Id, instance.Identity, memory.DirtyEpoch);
        return instance;
    }

    /// <summary>
    /// A machine of the VM's present definition: the running one if it was started from that, so that its viewers stay, else a new one.
    /// </summary>
    private async Task<HypervisorInstance> PrepareMachineAsync(VirtualMachineEntity vm, VmLease lease, CancellationToken ct)
    {
        HypervisorInstance? present = await power.FindAsync(lease, ct).ConfigureAwait(false);
        if (present is not null
            && vm.Status is { StartedFrom: not null } observed
            && observed.ObservedGeneration == vm.Generation
            && observed.ProcessId == present.Identity.ProcessId
            && (await present.Client.StatusAsync(ct).ConfigureAwait(false)).State is MachineState.Running or MachineState.Paused or MachineState.Restoring)
        {
            await present.Client.PauseIfRunningAsync(ct).ConfigureAwait(false);
            await statuses.WriteAsync(lease, (_, status) => VmStatusStore.SetGuest(status, VmPhase.Restoring, present), ct).ConfigureAwait(false);
            return present;
        }

        await processes.KillAsync(lease.VmId, ct).ConfigureAwait(false);
        processes.Forget(lease.VmId);
        (HypervisorInstance instance, StartedMachine machine) = await power.ConfigureAsync(vm, lease, idle: null, ct).ConfigureAwait(false);
        DateTimeOffset now = time.GetDatabaseNow();
        await statuses.WriteAsync(lease, (current, status) =>
        {
            VmStatusStore.SetGuest(status, VmPhase.Restoring, instance);
            VmStatusStore.SetStarted(current, status, machine, now);
        }, ct).ConfigureAwait(false);
        return instance;
    }

    private async Task CloseAsync(Guid session)
    {
        try
        {
            await sessions.AbandonAsync(session, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception away) when (TransientFaults.IsTransient(away))
        {
            // The session expires by itself.
        }
    }
}
