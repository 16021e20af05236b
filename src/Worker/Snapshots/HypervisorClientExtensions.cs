using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Snapshots;

internal static class HypervisorClientExtensions
{
    /// <summary>Pauses a running machine; leaves any other as it is.</summary>
    public static async Task PauseIfRunningAsync(this HypervisorClient client, CancellationToken ct)
    {
        if ((await client.StatusAsync(ct).ConfigureAwait(false)).State == MachineState.Running)
            await client.PauseAsync(ct).ConfigureAwait(false);
    }
}
