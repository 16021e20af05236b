namespace CloudVm.Contracts.Vms;

/// <summary>Result of a <c>:stop</c> operation, and data of <see cref="Events.EventTypes.VmStopped"/>.</summary>
public sealed record StopVmResult
{
    public required StopOutcome Outcome { get; init; }

    /// <summary>In words, such as why the guest was forced.</summary>
    public required string Detail { get; init; }
}

/// <summary>How a stop went.</summary>
public enum StopOutcome
{
    /// <summary>The guest was asked and shut down by itself.</summary>
    GuestShutDown = 0,

    /// <summary>The guest was ended without its doing: it did not answer in time, or nobody was to ask it.</summary>
    Forced = 1,

    /// <summary>There was no guest.</summary>
    NotRunning = 2,
}
