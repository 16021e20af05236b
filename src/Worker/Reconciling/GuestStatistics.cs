using System.Collections.Concurrent;
using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Worker.Supervision;
using Npgsql;

namespace CloudVm.Worker.Reconciling;

/// <summary>
/// Keeps the instruction counts of running guests in their status fresh, what their disks take, and whether they are debugged. No event tells of it: these change all
/// the time, and who wants every count reads the counters.
/// </summary>
public sealed class GuestStatistics(VmProcesses processes, NpgsqlDataSource database)
{
    private const int AtOnce = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Asks every live process and writes all answers in one statement.</summary>
    public async Task RefreshAsync(CancellationToken ct)
    {
        ConcurrentDictionary<Guid, (int ProcessId, long Retired, string? Disks, bool Debugged)> answers = new();
        await Parallel.ForEachAsync(
            processes.Live, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (live, token) =>
            {
                if (await TryReadAsync(live.Value, token).ConfigureAwait(false) is { } answer)
                    answers[live.Key] = (live.Value.Identity.ProcessId, answer.Retired, answer.Disks, answer.Debugged);
            }).ConfigureAwait(false);
        if (answers.IsEmpty)
            return;

        (Guid Vm, int ProcessId, long Retired, string? Disks, bool Debugged)[] rows =
            [.. answers.Select(answer => (answer.Key, answer.Value.ProcessId, answer.Value.Retired, answer.Value.Disks, answer.Value.Debugged))];
        // Only for the process that the status names: a status written since is newer than the answer.
        await using NpgsqlCommand update = database.CreateCommand(
            """
            UPDATE vm_status SET retired_instructions = seen.retired, disks = coalesce(seen.disks::jsonb, vm_status.disks),
                debugger_attached = seen.debugged, observed_at = now()
            FROM unnest(@vms, @processes, @retired, @disks, @debugged) AS seen (vm, process, retired, disks, debugged)
            WHERE vm_id = seen.vm AND process_id = seen.process
                AND (retired_instructions IS DISTINCT FROM seen.retired OR debugger_attached <> seen.debugged
                    OR vm_status.disks IS DISTINCT FROM coalesce(seen.disks::jsonb, vm_status.disks))
            """);
        update.Parameters.AddWithValue("vms", rows.Select(row => row.Vm).ToArray());
        update.Parameters.AddWithValue("processes", rows.Select(row => row.ProcessId).ToArray());
        update.Parameters.AddWithValue("retired", rows.Select(row => row.Retired).ToArray());
        update.Parameters.AddWithValue("disks", rows.Select(row => row.Disks).ToArray());
        update.Parameters.AddWithValue("debugged", rows.Select(row => row.Debugged).ToArray());
        await update.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private static async Task<(long Retired, string? Disks, bool Debugged)?> TryReadAsync(HypervisorInstance instance, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        try
        {
            MachineStatus status = await instance.Client.StatusAsync(deadline.Token).ConfigureAwait(false);
            string? disks = null;
            if (instance.HasDisks != false && status.State is not (MachineState.Idle or MachineState.Exited))
            {
                IReadOnlyList<DiskStatus> seen = (await instance.Client.DisksAsync(deadline.Token).ConfigureAwait(false)).Disks;
                instance.HasDisks = seen.Count > 0;
                disks = seen.Count == 0
                    ? null
                    : JsonSerializer.Serialize(
                        seen.Select(disk => new VmDiskStatus { Name = disk.Name, SizeBytes = disk.SizeBytes, AllocatedBytes = disk.AllocatedBytes }),
                        CloudVmJson.Options);
            }

            return ((long)status.RetiredInstructions, disks, status.Debugger is { Attached: true });
        }
        catch (Exception silent) when (silent is HttpRequestException or HypervisorControlException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return null; // Ended or busy; supervision is somebody else's.
        }
    }
}
