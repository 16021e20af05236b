using System.Collections.Concurrent;

namespace CloudVm.Worker.Supervision;

/// <summary>
/// The Hypervisor processes of this node's VMs. What it knows it has written down first (<see cref="ProcessRecord"/>), so an
/// earlier Worker's processes are found again.
/// </summary>
/// <remarks>Thread: any, but calls for one VM must not overlap.</remarks>
public sealed partial class VmProcesses(
    NodePaths paths, HypervisorLauncher launcher, WarmPool pool, ExitMonitor monitor, TimeProvider time, ILogger<VmProcesses> logger)
{
    private readonly ConcurrentDictionary<Guid, HypervisorInstance> _live = new();

    /// <summary>Raised (on any thread) when the process of a VM has ended.</summary>
    public event Action<Guid>? Ended;

    /// <summary>The VMs whose processes live and are attached to.</summary>
    public IReadOnlyDictionary<Guid, HypervisorInstance> Live => _live;

    /// <summary>Whether the VM has a process, held by this Worker, that has not ended.</summary>
    public bool IsLive(Guid vmId) => _live.TryGetValue(vmId, out HypervisorInstance? held) && !held.Process.Exited.IsCompleted;

    /// <summary>VMs that have files on this node.</summary>
    public IEnumerable<Guid> KnownVms =>
        Directory.EnumerateDirectories(paths.Vms)
            .Select(directory => Guid.TryParse(Path.GetFileName(directory), out Guid id) ? id : Guid.Empty)
            .Where(id => id != Guid.Empty);

    /// <summary>The VM's live process, attached to if need be; null when none lives.</summary>
    /// <exception cref="HypervisorStartException">The process lives but does not answer.</exception>
    public async Task<HypervisorInstance?> FindAsync(Guid vmId, CancellationToken ct)
    {
        if (_live.TryGetValue(vmId, out HypervisorInstance? held))
            return held.Process.Exited.IsCompleted ? null : held;
        if (paths.ForVm(vmId).ReadProcess() is not { IsFromEarlierBoot: false } record)
            return null;
        if (await launcher.TryAttachAsync(record.Identity, record.SocketPath, ct).ConfigureAwait(false) is not { } found)
            return null;

        // A process without a VM was recorded, but not yet configured, when the earlier Worker ended: it still is this VM's.
        if (found.Hello.VmId is { } other && other != vmId)
        {
            found.Instance.Dispose();
            return null;
        }

        LogReattached(vmId, record.ProcessId);
        Hold(vmId, found.Instance);
        return found.Instance;
    }

    /// <summary>Gives the VM a process, which is idle at first.</summary>
    /// <exception cref="HypervisorStartException">No process could be started.</exception>
    public async Task<HypervisorInstance> AssignAsync(Guid vmId, CancellationToken ct)
    {
        VmDirectory directory = paths.ForVm(vmId);
        directory.Create();
        HypervisorInstance instance = await pool.TakeAsync(ct).ConfigureAwait(false);
        try
        {
            directory.WriteProcess(new ProcessRecord(
                instance.Identity.ProcessId, instance.Identity.StartTime, ProcessRecord.CurrentBootId, instance.Client.SocketPath, time.GetUtcNow()));

            // The process keeps the file open, so its later output follows the file to its new place.
            string log = Path.Combine(paths.Pool, instance.Name, "hypervisor.log");
            if (File.Exists(log))
                File.Move(log, directory.HypervisorLog, overwrite: true);
        }
        catch
        {
            await instance.Process.KillAsync(CancellationToken.None).ConfigureAwait(false);
            instance.Dispose();
            launcher.Cleanup(instance.Name);
            throw;
        }

        Hold(vmId, instance);
        return instance;
    }

    /// <summary>How the VM's last process ended; null when it lives or the end was <see cref="Forget">dealt with</see>.</summary>
    public async Task<(ProcessRecord Process, VmEnd End)?> ReadEndAsync(Guid vmId)
    {
        VmDirectory directory = paths.ForVm(vmId);
        if (directory.ReadProcess() is not { } record || (!record.IsFromEarlierBoot && record.Identity.IsAlive))
            return null;
        ProcessExit exit = default;
        if (_live.TryGetValue(vmId, out HypervisorInstance? held) && held.Identity == record.Identity)
            exit = await held.Process.Exited.ConfigureAwait(false);
        return (record, VmEnd.Read(directory, record, exit, time.GetUtcNow()));
    }

    /// <summary>Forgets a process that has ended; called once its end is in the database.</summary>
    public void Forget(Guid vmId)
    {
        if (_live.TryRemove(vmId, out HypervisorInstance? held))
            held.Dispose();
        VmDirectory directory = paths.ForVm(vmId);
        if (directory.ReadProcess() is not { } record)
            return;
        launcher.Cleanup(Path.GetFileNameWithoutExtension(record.SocketPath));
        directory.DeleteProcess();
    }

    /// <summary>Ends the VM's process at once, also one that does not answer. Returns when it is gone.</summary>
    public async Task KillAsync(Guid vmId, CancellationToken ct)
    {
        if (_live.TryGetValue(vmId, out HypervisorInstance? held))
        {
            await held.Process.KillAsync(ct).ConfigureAwait(false);
            return;
        }

        if (paths.ForVm(vmId).ReadProcess() is not { IsFromEarlierBoot: false } record
            || SupervisedProcess.TryAttach(monitor, record.Identity) is not { } process)
            return;
        using (process)
            await process.KillAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Lets go of all processes without ending any.</summary>
    public void Release()
    {
        foreach (HypervisorInstance instance in _live.Values)
            instance.Dispose();
        _live.Clear();
    }

    private void Hold(Guid vmId, HypervisorInstance instance)
    {
        if (_live.TryRemove(vmId, out HypervisorInstance? before))
            before.Dispose();
        _live[vmId] = instance;
        _ = ReportEndAsync(vmId, instance);
    }

    private async Task ReportEndAsync(Guid vmId, HypervisorInstance instance)
    {
        // Cancelled when this Worker lets go of the process.
        await ((Task)instance.Process.Exited).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (instance.Process.Exited.IsCompletedSuccessfully)
            Ended?.Invoke(vmId);
    }
}
