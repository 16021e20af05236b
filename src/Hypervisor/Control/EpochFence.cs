using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Control;

/// <summary>
/// The end of the lease's fence: remembers the highest epoch that any caller has shown and refuses lower ones, so that a Worker which
/// lost its lease cannot touch the machine any more.
/// </summary>
/// <remarks>Thread: any.</remarks>
internal sealed class EpochFence
{
    private long _highest;

    /// <summary>Highest epoch seen, 0 at first.</summary>
    public long Highest => Interlocked.Read(ref _highest);

    /// <summary>Admits a caller and raises the fence to its epoch.</summary>
    /// <exception cref="ControlException">The epoch is lower than one seen before (409).</exception>
    public void Admit(long epoch)
    {
        long seen;
        while ((seen = Highest) < epoch)
        {
            if (Interlocked.CompareExchange(ref _highest, epoch, seen) == seen)
                return;
        }

        if (seen > epoch)
        {
            throw new ControlException(new ControlProblem
            {
                Title = "A newer lease holder has spoken",
                Status = 409,
                Code = ControlProtocol.ProblemCodes.StaleEpoch,
                Detail = $"The call carries epoch {epoch}; epoch {seen} was seen.",
                Epoch = seen,
            });
        }
    }
}
