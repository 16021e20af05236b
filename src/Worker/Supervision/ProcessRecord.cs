namespace CloudVm.Worker.Supervision;

/// <summary>Which process runs a VM; written before the process is told so, so that no crash loses it.</summary>
/// <param name="ProcessId">PID.</param>
/// <param name="StartTime">As in <see cref="ProcessIdentity"/>.</param>
/// <param name="BootId">The boot of the node that PID and start time belong to.</param>
/// <param name="SocketPath">Its control socket.</param>
/// <param name="AssignedAt">When the VM was given to it.</param>
public sealed record ProcessRecord(int ProcessId, long StartTime, string BootId, string SocketPath, DateTimeOffset AssignedAt)
{
    /// <summary>Names the running boot of this node; start times count from it.</summary>
    public static string CurrentBootId { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>The process.</summary>
    public ProcessIdentity Identity => new(ProcessId, StartTime);

    /// <summary>Whether the node has been restarted since, which ended the process.</summary>
    public bool IsFromEarlierBoot => !string.Equals(BootId, CurrentBootId, StringComparison.Ordinal);
}
