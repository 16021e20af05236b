using System.ComponentModel;

namespace CloudVm.Worker.Supervision;

/// <summary>
/// The passt processes that connect VMs' network cards with the outside, one per VM, each on a socket of its own. A passt ends by itself
/// when its Hypervisor process goes away, and a Hypervisor looks for a new one when its passt has ended: so all that is needed is that
/// one lives as long as the VM does.
/// </summary>
/// <remarks>Thread: any. Repeatable after any crash: what was started is recorded with the VM's files.</remarks>
public sealed partial class PasstProcesses(NodePaths paths, ExitMonitor monitor, TimeProvider time, ILogger<PasstProcesses> logger)
{
    private const string Program = "passt";

    /// <summary>How long a VM may take from its passt's start to a live process.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();

    /// <summary>The socket of a VM's passt.</summary>
    public string Socket(Guid vmId) => Path.Combine(paths.Run, $"{vmId:N}.{Program}");

    /// <summary>Sees to it that the VM's passt lives.</summary>
    /// <exception cref="FileNotFoundException">passt is not installed on this node.</exception>
    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public void Ensure(Guid vmId)
    {
        lock (_gate)
        {
            VmDirectory directory = paths.ForVm(vmId);
            if (directory.ReadNetwork() is { IsFromEarlierBoot: false } record && record.Identity.IsAlive)
                return;
            directory.Create();
            string socket = Socket(vmId);
            File.Delete(socket);
            int processId = DetachedProcess.Start(Find(), Arguments(socket), Environment(), directory.NetworkLog);
            if (ProcessIdentity.TryRead(processId, out ProcessIdentity identity))
            {
                directory.WriteNetwork(new ProcessRecord(identity.ProcessId, identity.StartTime, ProcessRecord.CurrentBootId, socket, time.GetUtcNow()));
                _ = ReapAsync(identity);
            }

            LogStarted(vmId, processId);
        }
    }

    /// <summary>Replaces passts that have ended under their VM, and ends those whose VM does not live.</summary>
    /// <param name="known">VMs with files on this node.</param>
    /// <param name="isLive">Whether a VM has a live process.</param>
    /// <param name="ct">Cancels.</param>
    public async Task RefreshAsync(IEnumerable<Guid> known, Func<Guid, bool> isLive, CancellationToken ct)
    {
        foreach (Guid vmId in known)
        {
            if (paths.ForVm(vmId).ReadNetwork() is not { } record)
                continue;
            if (isLive(vmId))
                Ensure(vmId);
            else if (time.GetUtcNow() - record.AssignedAt > StartPatience)
                await EndAsync(vmId, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Ends the VM's passt, if it has one.</summary>
    public async Task EndAsync(Guid vmId, CancellationToken ct)
    {
        VmDirectory directory = paths.ForVm(vmId);
        if (directory.ReadNetwork() is not { } record)
            return;
        if (!record.IsFromEarlierBoot && SupervisedProcess.TryAttach(monitor, record.Identity) is { } process)
        {
            using (process)
                await process.KillAsync(ct).ConfigureAwait(false);
        }

        File.Delete(record.SocketPath);
        directory.DeleteNetwork();
    }

    /// <summary>Waits for the end of a child, which would stay a zombie otherwise.</summary>
    private async Task ReapAsync(ProcessIdentity identity)
    {
        if (SupervisedProcess.TryAttach(monitor, identity) is not { } process)
            return;
        using (process)
            await process.Exited.ConfigureAwait(false);
    }

    /// <summary>
    /// The guest must not reach what listens on the node's loopback, so its gateway's address is not mapped to that. Started by root, passt
    /// could not create a socket in the owner's directory as another user; it confines itself to an empty file system either way.
    /// </summary>
    private static string[] Arguments(string socket)
    {
        string[] always = ["--foreground", "--quiet", "--one-off", "--no-map-gw", "--socket", socket];
        return System.Environment.IsPrivilegedProcess ? [.. always, "--runas", "0:0"] : always;
    }

    private static Dictionary<string, string> Environment() =>
        new(StringComparer.Ordinal) { ["PATH"] = System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin" };

    private static string Find() =>
        (System.Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, Program))
            .FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException("The VM's network needs passt, which is not installed on this node (Debian's package passt).");

    [LoggerMessage(1131, LogLevel.Information, "VM {VmId}: passt is process {ProcessId}")]
    private partial void LogStarted(Guid vmId, int processId);
}
