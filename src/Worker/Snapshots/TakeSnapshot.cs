using CloudVm.Contracts.Control;
using CloudVm.Contracts.Events;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Storage.Operations;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Machines;
using CloudVm.Worker.Operations;
using CloudVm.Worker.Reconciling;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace CloudVm.Worker.Snapshots;

/// <summary>What a snapshot will be: its memory and state are stored, and nobody sees it yet.</summary>
/// <param name="SessionId">Keeps its chunks.</param>
/// <param name="Machine">What the guest was started from.</param>
/// <param name="State">Its state.</param>
/// <param name="Memory">Its memory.</param>
/// <param name="Disks">What its overlays hold, in the machine's order.</param>
/// <param name="StoredBytes">Bytes added to the store.</param>
/// <param name="Process">The process it was taken from.</param>
/// <param name="DirtyEpoch">The epoch that began with it.</param>
public sealed record PreparedSnapshot(Guid SessionId, StartedMachine Machine, byte[] State, ChunkMap Memory, IReadOnlyList<DiskMap> Disks, long StoredBytes, ProcessIdentity Process, long DirtyEpoch);

/// <summary>Takes a snapshot of a VM: pauses the guest, stores its memory and state, lets it go on, and makes the snapshot visible.</summary>
public sealed partial class TakeSnapshot(
    PowerControl power,
    VmStatusStore statuses,
    SnapshotCatalog catalog,
    DirtyBases bases,
    UploadSessions sessions,
    MemoryUpload upload,
    DiskUpload diskUpload,
    TimeProvider time,
    ILogger<TakeSnapshot> logger)
{
    private const long BytesPerMiB = 1024 * 1024;
    private const string NameIndex = "ux_snapshots_vm_id_name";

    private static readonly TimeSpan ResumePatience = TimeSpan.FromSeconds(10);

    /// <summary>Carries out the operation.</summary>
    public async Task RunAsync(OperationRun run, VmLease lease)
    {
        OperationRequests.TakeSnapshot request = OperationStore.ReadRequest<OperationRequests.TakeSnapshot>(run.Operation);
        PreparedSnapshot prepared = await PrepareAsync(run, lease, 90).ConfigureAwait(false);
        try
        {
            await run.ReportAsync(95, "completing").ConfigureAwait(false);
            await run.SucceedAsync(async (db, token) =>
            {
                await CompleteAsync(db, lease.VmId, request, prepared, token).ConfigureAwait(false);
                return new { request.SnapshotId };
            }).ConfigureAwait(false);
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { ConstraintName: NameIndex })
        {
            await sessions.AbandonAsync(prepared.SessionId, CancellationToken.None).ConfigureAwait(false);
            throw new OperationFailedException(
                new Problem { Title = "The name is taken", Status = 409, Code = ProblemCodes.NameTaken, Detail = $"The VM has a snapshot named '{request.Name}'." }, taken);
        }

        bases.Remember(lease.VmId, request.SnapshotId, prepared.Process, prepared.DirtyEpoch);
    }

    /// <summary>
    /// Stores state and memory of a VM's guest, which is paused meanwhile. Progress goes up to <paramref name="lastProgress"/>. The upload session
    /// stays open until <see cref="CompleteAsync"/>.
    /// </summary>
    /// <exception cref="OperationFailedException">The VM has no guest.</exception>
    public async Task<PreparedSnapshot> PrepareAsync(OperationRun run, VmLease lease, int lastProgress)
    {
        VirtualMachineEntity vm = await statuses.FindAsync(lease.VmId, run.Token).ConfigureAwait(false)
            ?? throw OperationFailedException.InvalidState("The VM is gone.");
        HypervisorInstance? instance = await power.FindAsync(lease, run.Token).ConfigureAwait(false);
        MachineState state = instance is null
            ? MachineState.Idle
            : (await instance.Client.StatusAsync(run.Token).ConfigureAwait(false)).State;
        if (instance is null || state is not (MachineState.Running or MachineState.Paused) || vm.Status!.StartedFrom is not { } startedFrom)
            throw OperationFailedException.InvalidState("The VM has no guest: it is not running.");

        Guid session = await sessions.OpenAsync(run.Operation.Id, run.Token).ConfigureAwait(false);
        try
        {
            await run.ReportAsync(5, "pausing").ConfigureAwait(false);
            await instance.Client.PauseAsync(run.Token).ConfigureAwait(false);
            byte[] machine = await instance.Client.GetStateAsync(run.Token).ConfigureAwait(false);
            MemoryChunkMap memory = await instance.Client.GetChunkMapAsync(run.Token).ConfigureAwait(false);
            StartedMachine started = StartedMachine.Parse(startedFrom);
            List<DiskBlockMap> disks = [];
            foreach (StartedDisk disk in started.Disks ?? [])
                disks.Add(await instance.Client.GetBlockMapAsync(disk.Disk.Name, run.Token).ConfigureAwait(false));
            Guid? parent = bases.Find(vm.Id, instance.Identity, memory.DirtyEpoch);
            ChunkMap? known = parent is { } id ? await catalog.FindMapAsync(id, run.Token).ConfigureAwait(false) : null;
            IReadOnlyList<DiskMap> knownDisks = known is null ? [] : await catalog.FindDisksAsync(parent!.Value, run.Token).ConfigureAwait(false);
            bases.Forget(vm.Id);
            await instance.Client.BeginDirtyEpochAsync(run.Token).ConfigureAwait(false);

            int afterMemory = disks.Count == 0 ? lastProgress : 10 + ((lastProgress - 10) / 2);
            await run.ReportAsync(10, "savingMemory").ConfigureAwait(false);
            (ChunkMap map, long stored) = await upload.RunAsync(
                instance.Client, memory, known?.Count == memory.ChunkCount ? known : null, session,
                share => run.ReportAsync(10 + (int)(share * (afterMemory - 10)), "savingMemory"), run.Token).ConfigureAwait(false);
            List<DiskMap> diskMaps = [];
            foreach (DiskBlockMap disk in disks)
            {
                int from = afterMemory + ((lastProgress - afterMemory) * diskMaps.Count / disks.Count);
                int share = (lastProgress - afterMemory) / disks.Count;
                await run.ReportAsync(from, "savingDisks").ConfigureAwait(false);
                (DiskMap diskMap, long added) = await diskUpload.RunAsync(
                    instance.Client, disk, knownDisks.FirstOrDefault(k => k.Name == disk.Name), session,
                    done => run.ReportAsync(from + (int)(done * share), "savingDisks"), run.Token).ConfigureAwait(false);
                diskMaps.Add(diskMap);
                stored += added;
            }

            return new PreparedSnapshot(session, started, machine, map, diskMaps, stored, instance.Identity, memory.DirtyEpoch + 1);
        }
        finally
        {
            await LetGoOnAsync(vm, instance).ConfigureAwait(false);
        }
    }

    /// <summary>Makes a snapshot visible; part of the transaction that ends the operation.</summary>
    /// <exception cref="UploadSessionExpiredException">The session was given up meanwhile.</exception>
    public async Task<SnapshotEntity> CompleteAsync(
        CloudVmDbContext db, Guid vmId, OperationRequests.TakeSnapshot request, PreparedSnapshot prepared, CancellationToken ct)
    {
        int closed = await db.UploadSessions.Where(s => s.Id == prepared.SessionId).ExecuteDeleteAsync(ct).ConfigureAwait(false);
        if (closed == 0)
            throw new UploadSessionExpiredException();
        VirtualMachineEntity vm = await db.VirtualMachines.Include(v => v.Project).FirstAsync(v => v.Id == vmId, ct).ConfigureAwait(false);
        DateTimeOffset now = time.GetDatabaseNow();
        IReadOnlyList<SnapshotDisk> disks = [.. (prepared.Machine.Disks ?? []).Select((started, index) => Describe(started, prepared.Disks[index]))];
        SnapshotEntity snapshot = new()
        {
            Id = request.SnapshotId,
            ProjectId = vm.ProjectId,
            Project = vm.Project,
            VmId = vm.Id,
            VmName = vm.Name,
            Name = request.Name,
            Description = request.Description,
            State = SnapshotState.Ready,
            CreatedAt = now,
            SizeBytes = (prepared.Machine.MemoryMiB * BytesPerMiB) + prepared.State.Length + disks.Sum(d => d.AllocatedBytes),
            StoredBytes = prepared.StoredBytes,
            ChunkCount = Enumerable.Range(0, prepared.Memory.Count).Count(i => !prepared.Memory[i].IsZero)
                + prepared.Disks.Sum(disk => disk.Blocks.Count(block => !block.Value.IsZero)),
            VectorLengthsBits = prepared.Machine.VectorLengthsBits,
            Cpu = prepared.Machine.Cpu,
            MemoryMiB = prepared.Machine.MemoryMiB,
            ImageId = prepared.Machine.ImageId,
            Disks = disks,
            CommandLine = prepared.Machine.CommandLine,
            ScheduleId = request.ScheduleId is { } schedule
                && await db.SnapshotSchedules.AnyAsync(s => s.Id == schedule, ct).ConfigureAwait(false) ? schedule : null,
            StateHash = SnapshotCatalog.HashOf(prepared.State, prepared.Memory, prepared.Disks),
            FormatVersion = SnapshotCatalog.FormatVersion,
        };
        db.Snapshots.Add(snapshot);
        db.SnapshotSections.Add(new SnapshotSectionEntity
        {
            SnapshotId = snapshot.Id,
            Name = SnapshotCatalog.MachineSection,
            Version = SnapshotCatalog.MachineSectionVersion,
            Crc = Crc32C.Of(prepared.State),
            Data = prepared.State,
        });
        db.SnapshotManifestParts.AddRange(prepared.Memory.ToParts()
            .Select((hashes, part) => new SnapshotManifestPartEntity { SnapshotId = snapshot.Id, Part = part, Hashes = hashes }));
        db.SnapshotDiskParts.AddRange(prepared.Disks.SelectMany((disk, index) => disk.ToParts().Select((stored, part) =>
            new SnapshotDiskPartEntity { SnapshotId = snapshot.Id, Disk = index, Part = part, Blocks = stored.Blocks, Hashes = stored.Hashes })));
        db.AddEvent(EventTypes.SnapshotReady, snapshot.ToContract(), snapshot.ProjectId, now);
        return snapshot;
    }

    private static SnapshotDisk Describe(StartedDisk started, DiskMap map) => new()
    {
        Name = started.Disk.Name,
        SizeMiB = started.Disk.SizeMiB,
        ReadOnly = started.Disk.ReadOnly,
        Image = started.Disk.Image,
        ImageSha256 = started.ImageSha256,
        AllocatedBytes = (long)map.Blocks.Count(block => !block.Value.IsZero) * ControlProtocol.ChunkBytes,
    };

    /// <summary>
    /// Whatever became of the snapshot, the guest goes on if it is wanted running, also when the database is away or the operation was
    /// cancelled.
    /// </summary>
    private async Task LetGoOnAsync(VirtualMachineEntity vm, HypervisorInstance instance)
    {
        if (vm.DesiredState != DesiredState.Running)
            return;
        using CancellationTokenSource patience = new(ResumePatience);
        try
        {
            await instance.Client.ResumeAsync(patience.Token).ConfigureAwait(false);
        }
        catch (Exception unable) when (unable is HttpRequestException or HypervisorControlException or OperationCanceledException)
        {
            LogNotResumed(vm.Id, unable.Message); // The next pass finds out what became of it.
        }
    }

    [LoggerMessage(1401, LogLevel.Warning, "VM {VmId} could not be resumed after a snapshot: {Reason}")]
    private partial void LogNotResumed(Guid vmId, string reason);
}
