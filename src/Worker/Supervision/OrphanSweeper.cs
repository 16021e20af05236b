using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Supervision;

/// <summary>
/// Deals with processes that no VM accounts for: an earlier Worker was killed after it started them and before it wrote them down.
/// Idle ones join the warm pool, the rest are ended, and sockets that nobody answers are removed.
/// </summary>
public sealed partial class OrphanSweeper(
    NodePaths paths, HypervisorLauncher launcher, WarmPool pool, VmProcesses processes, ExitMonitor monitor, ILogger<OrphanSweeper> logger)
{
    /// <summary>Looks at every socket of the node. Processes may appear late, so this is repeated.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        HashSet<string> accounted = new(StringComparer.Ordinal);
        foreach (Guid vmId in processes.KnownVms)
        {
            if (paths.ForVm(vmId).ReadProcess() is { } record)
                accounted.Add(Path.GetFileNameWithoutExtension(record.SocketPath));
        }

        foreach (string socket in Directory.EnumerateFiles(paths.Run, "*.sock"))
        {
            string name = Path.GetFileNameWithoutExtension(socket);
            if (!accounted.Contains(name) && !launcher.Knows(name))
                await ResolveAsync(name, socket, ct).ConfigureAwait(false);
        }
    }

    private async Task ResolveAsync(string name, string socket, CancellationToken ct)
    {
        if (await HypervisorLauncher.TryHelloAsync(socket, ct).ConfigureAwait(false) is not { } hello)
        {
            launcher.Cleanup(name);
            return;
        }

        ProcessIdentity identity = new(hello.ProcessId, hello.ProcessStartTime);
        if (hello.State == MachineState.Idle
            && hello.ProtocolVersion == ControlProtocol.Version
            && launcher.IsCurrentBuild(identity)
            && await launcher.TryAttachAsync(identity, socket, ct).ConfigureAwait(false) is { } found)
        {
            if (pool.TryAdopt(found.Instance))
                return;
            found.Instance.Dispose();
        }

        LogOrphan(hello.ProcessId, hello.VmId);
        if (SupervisedProcess.TryAttach(monitor, identity) is { } orphan)
        {
            using (orphan)
                await orphan.KillAsync(ct).ConfigureAwait(false);
        }

        launcher.Cleanup(name);
    }

    [LoggerMessage(1121, LogLevel.Warning, "Hypervisor process {ProcessId} (VM {VmId}) belongs to no VM of this node and is ended")]
    private partial void LogOrphan(int processId, Guid? vmId);
}
