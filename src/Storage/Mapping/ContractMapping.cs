using System.Collections.Immutable;
using System.Text.Json;
using CloudVm.Contracts;
using CloudVm.Contracts.HostProfiles;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Nodes;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Problems;
using CloudVm.Contracts.Schedules;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Snapshots;
using CloudVm.Contracts.VectorLengths;
using CloudVm.Storage.Entities;

namespace CloudVm.Storage.Mapping;

/// <summary>Turns rows into what the API and its events show.</summary>
public static class ContractMapping
{
    /// <summary>A node whose heartbeat is older counts as not ready.</summary>
    public static readonly TimeSpan HeartbeatTolerance = TimeSpan.FromSeconds(20);

    public static Operation ToContract(this OperationEntity operation) => new()
    {
        Id = operation.Id,
        Kind = operation.Kind,
        State = operation.State,
        Done = operation.State.IsFinal(),
        Progress = operation.Progress,
        Phase = operation.Phase,
        Target = new ResourceReference(operation.TargetType, operation.TargetId, operation.TargetName),
        Result = operation.Result is null ? null : JsonElement.Parse(operation.Result),
        Problem = operation.Problem is null ? null : JsonSerializer.Deserialize<Problem>(operation.Problem, CloudVmJson.Options),
        CreatedBy = operation.CreatedBy,
        CreatedAt = operation.CreatedAt,
        StartedAt = operation.StartedAt,
        EndedAt = operation.EndedAt,
        Deadline = operation.Deadline,
    };

    /// <param name="snapshot">With its project.</param>
    public static Snapshot ToContract(this SnapshotEntity snapshot) => new()
    {
        Id = snapshot.Id,
        Project = snapshot.Project!.Name,
        VmId = snapshot.VmId,
        VmName = snapshot.VmName,
        Name = snapshot.Name,
        Description = snapshot.Description,
        State = snapshot.State,
        CreatedAt = snapshot.CreatedAt,
        SizeBytes = snapshot.SizeBytes,
        StoredBytes = snapshot.StoredBytes,
        ChunkCount = snapshot.ChunkCount,
        VectorLengthsBits = snapshot.VectorLengthsBits,
        Cpu = snapshot.Cpu,
        MemoryMiB = snapshot.MemoryMiB,
        Disks = snapshot.Disks,
        ScheduleId = snapshot.ScheduleId,
        StateHash = snapshot.StateHash is null ? null : Convert.ToHexStringLower(snapshot.StateHash),
        FormatVersion = snapshot.FormatVersion,
        VerifiedAt = snapshot.VerifiedAt,
        VerifyResult = snapshot.VerifyResult,
        Etag = $"1.{snapshot.Revision}",
    };

    public static ScheduleRun ToContract(this ScheduleRunEntity run) => new()
    {
        Id = run.Id,
        ScheduleId = run.ScheduleId,
        ScheduledAt = run.ScheduledAt,
        FiredAt = run.FiredAt,
        OperationId = run.OperationId,
        Outcome = run.Outcome,
        Message = run.Message,
    };

    public static SnapshotSchedule ToContract(this SnapshotScheduleEntity schedule, ScheduleRunEntity? lastRun) => new()
    {
        Id = schedule.Id,
        VmId = schedule.VmId,
        Name = schedule.Name,
        Cron = schedule.Cron,
        TimeZone = schedule.TimeZone,
        KeepLast = schedule.KeepLast,
        KeepDaily = schedule.KeepDaily,
        MissedRunPolicy = schedule.MissedRunPolicy,
        Enabled = schedule.Enabled,
        NextRunAt = schedule.NextRunAt,
        LastRun = lastRun?.ToContract(),
        Etag = $"{schedule.Generation}.{schedule.Revision}",
        CreatedAt = schedule.CreatedAt,
        UpdatedAt = schedule.UpdatedAt,
    };

    public static Image ToContract(this ImageEntity image) => new()
    {
        Id = image.Id,
        Name = image.Name,
        Kind = image.Kind,
        BuiltIn = image.BuiltIn,
        SizeBytes = image.SizeBytes,
        Disk = image.Disk,
        Sha256 = Convert.ToHexStringLower(image.Sha256),
        Files = [.. image.Files.Select(file => new ImageContent(file.Role, file.SizeBytes, file.Sha256))],
        Description = image.Description,
        CommandLine = image.CommandLine,
        MinimumMemoryMiB = image.MinimumMemoryMiB,
        CreatedAt = image.CreatedAt,
        Etag = $"1.{image.TouchedAt.ToUnixTimeMilliseconds()}",
    };

    public static HostProfile ToContract(this HostProfileEntity profile)
    {
        var virtualisable = profile.VirtualisableVectorLengths();
        IReadOnlyList<int>[] cpus = [.. profile.Cpus.Select(cpu => cpu.VectorLengthsBits)];
        var common = VectorLengthRules.Common(cpus);
        return new HostProfile
        {
            Name = profile.Name,
            BuiltIn = profile.BuiltIn,
            Description = profile.Description,
            Cpus = profile.Cpus,
            VectorLengthPolicy = profile.VectorLengthPolicy,
            CommonVectorLengthsBits = common,
            PartialVectorLengthsBits = [.. cpus.SelectMany(lengths => lengths).Except(common).Order()],
            MaximumVirtualisableVectorLengthBits = VectorLengthRules.KernelBound(cpus),
            VirtualisableVectorLengthsBits = virtualisable,
            LegalVectorLengthSets = [.. VectorLengthRules.LegalSets(virtualisable).Select(set => (IReadOnlyList<int>)set)],
            MaxVcpus = profile.MaxVcpus,
            Etag = $"1.{profile.CreatedAt.ToUnixTimeMilliseconds()}",
        };
    }

    /// <summary>Every vector length, in bits, that a guest on this host can have.</summary>
    public static ImmutableArray<int> VirtualisableVectorLengths(this HostProfileEntity profile) =>
        VectorLengthRules.Virtualisable([.. profile.Cpus.Select(c => c.VectorLengthsBits)], profile.VectorLengthPolicy);

    /// <param name="node">The row.</param>
    /// <param name="now">Decides whether its heartbeat is overdue.</param>
    public static Node ToContract(this NodeEntity node, DateTimeOffset now) => new()
    {
        Id = node.Id,
        Name = node.Name,
        Url = node.Url,
        State = node.IsAlive(now) ? node.Cordoned ? NodeState.Cordoned : NodeState.Ready : NodeState.NotReady,
        CpuCount = node.CpuCount,
        MemoryMiB = node.MemoryMiB,
        Load = node.Load,
        RunningVms = node.RunningVms,
        WarmPool = node.WarmPool,
        Version = node.Version,
        LastHeartbeatAt = node.LastHeartbeatAt,
        Etag = $"1.{node.Revision}",
    };

    public static bool IsAlive(this NodeEntity node, DateTimeOffset now) => node.LastHeartbeatAt > now - HeartbeatTolerance;
}
