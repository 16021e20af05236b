using CloudVm.Contracts.Control;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.NodeApi;

/// <summary>A call to the Hypervisor process of a VM that lives here.</summary>
internal static class GuestCall
{
    /// <summary>Makes the call; what the process refuses becomes the node's problem answer, with every reason.</summary>
    public static async Task<IResult> RunAsync(Guid id, VmProcesses processes, Func<HypervisorClient, Task<IResult>> call)
    {
        if (!processes.Live.TryGetValue(id, out HypervisorInstance? instance) || instance.Process.Exited.IsCompleted)
            return NodeProblems.NoGuest();
        try
        {
            return await call(instance.Client).ConfigureAwait(false);
        }
        catch (HypervisorControlException refused)
        {
            return NodeProblems.Of(refused);
        }
        catch (HttpRequestException gone)
        {
            return NodeProblems.Unavailable(gone.Message);
        }
    }
}
