using System.Reflection;
using CloudVm.Contracts.Events;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Events;
using CloudVm.Storage.Mapping;
using CloudVm.Worker.Data;
using CloudVm.Worker.Leases;
using CloudVm.Worker.Supervision;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Nodes;

/// <summary>Registers the node, tells the database that it lives, and renews its leases.</summary>
public sealed partial class NodeHeartbeat(
    WorkerOptions options,
    NodeIdentity node,
    NodeSecret secret,
    LeaseKeeper leases,
    WarmPool pool,
    VmProcesses processes,
    FencedDatabase database,
    TimeProvider time,
    ILogger<NodeHeartbeat> logger) : BackgroundService
{
    private readonly TaskCompletionSource _registered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes once the node's row is in the database.</summary>
    public Task Registered => _registered.Task;

    /// <summary>Whether the last heartbeat reached the database.</summary>
    public bool IsConnected { get; private set; }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using PeriodicTimer timer = new(options.HeartbeatInterval, time);
        do
        {
            try
            {
                await BeatAsync(stoppingToken).ConfigureAwait(false);
                _registered.TrySetResult();
                await leases.RenewAsync(stoppingToken).ConfigureAwait(false);
                IsConnected = true;
            }
            catch (Exception away) when (TransientFaults.IsTransient(away))
            {
                IsConnected = false;
                LogMissed(away.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    /// <summary>Writes one heartbeat; the first one registers the node. The time is the database's, which every reader shares.</summary>
    public Task BeatAsync(CancellationToken ct) =>
        database.WriteAsync(async (db, token) =>
        {
            DateTimeOffset now = (await db.Database.SqlQuery<DateTime>($"SELECT now() AS \"Value\"").ToListAsync(token).ConfigureAwait(false))[0];
            NodeEntity? row = await db.Nodes.FirstOrDefaultAsync(n => n.Id == node.Id, token).ConfigureAwait(false);
            string type = row is null ? EventTypes.NodeRegistered : EventTypes.NodeHeartbeat;
            if (row is null)
            {
                row = new NodeEntity
                {
                    Id = node.Id,
                    Name = await FreeNameAsync(db, token).ConfigureAwait(false),
                    Url = "",
                    SecretHash = [],
                    Version = "",
                    RegisteredAt = now,
                };
                db.Nodes.Add(row);
            }

            row.Url = options.NodeUrl.ToString().TrimEnd('/');
            row.SecretHash = secret.Hash;
            row.Version = typeof(NodeHeartbeat).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
            row.CpuCount = Environment.ProcessorCount;
            row.MemoryMiB = NodeStatistics.ReadMemoryMiB();
            row.Load = NodeStatistics.ReadLoad();
            row.RunningVms = processes.Live.Count;
            row.WarmPool = pool.ReadyCount;
            row.LastHeartbeatAt = now;
            row.Revision++;
            db.AddEvent(type, row.ToContract(now), now);
            return true;
        }, ct);

    /// <summary>Two machines may have one host name, and a wiped state directory makes a new node of an old machine.</summary>
    private async Task<string> FreeNameAsync(CloudVmDbContext db, CancellationToken ct) =>
        await db.Nodes.AnyAsync(n => n.Name == options.NodeName, ct).ConfigureAwait(false)
            ? $"{options.NodeName}-{node.Id.ToString("N")[^8..]}"
            : options.NodeName;

    [LoggerMessage(1241, LogLevel.Warning, "A heartbeat did not reach the database: {Reason}")]
    private partial void LogMissed(string reason);
}
