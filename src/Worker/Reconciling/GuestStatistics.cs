using System.Collections.Concurrent;
using CloudVm.Contracts.Control;
using CloudVm.Worker.Supervision;
using Npgsql;

namespace CloudVm.Worker.Reconciling;

/// <summary>
/// Keeps the instruction counts of running guests in their status fresh. No event tells of it: counts change all the time, and who
/// wants every one reads the counters.
/// </summary>
public sealed class GuestStatistics(VmProcesses processes, NpgsqlDataSource database)
{
    private const int AtOnce = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Asks every live process and writes all answers in one statement.</summary>
    public async Task RefreshAsync(CancellationToken ct)
    {
        ConcurrentDictionary<Guid, (int ProcessId, long Retired)> answers = new();
        await Parallel.ForEachAsync(
            processes.Live, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct },
            async (live, token) =>
            {
                if (await TryReadAsync(live.Value, token).ConfigureAwait(false) is { } retired)
                    answers[live.Key] = (live.Value.Identity.ProcessId, retired);
            }).ConfigureAwait(false);
        if (answers.IsEmpty)
            return;

        (Guid Vm, int ProcessId, long Retired)[] rows = [.. answers.Select(answer => (answer.Key, answer.Value.ProcessId, answer.Value.Retired))];
        // Only for the process that the status names: a status written since is newer than the answer.
        await using NpgsqlCommand update = database.CreateCommand(
            """
            UPDATE vm_status SET retired_instructions = seen.retired, observed_at = now()
            FROM unnest(@vms, @processes, @retired) AS seen (vm, process, retired)
            WHERE vm_id = seen.vm AND process_id = seen.process AND retired_instructions IS DISTINCT FROM seen.retired
            """);
        update.Parameters.AddWithValue("vms", rows.Select(row => row.Vm).ToArray());
        update.Parameters.AddWithValue("processes", rows.Select(row => row.ProcessId).ToArray());
        update.Parameters.AddWithValue("retired", rows.Select(row => row.Retired).ToArray());
        await update.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private static async Task<long?> TryReadAsync(HypervisorInstance instance, CancellationToken ct)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(Patience);
        try
        {
            return (long)(await instance.Client.StatusAsync(deadline.Token).ConfigureAwait(false)).RetiredInstructions;
        }
        catch (Exception silent) when (silent is HttpRequestException or HypervisorControlException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return null; // Ended or busy; supervision is somebody else's.
        }
    }
}
