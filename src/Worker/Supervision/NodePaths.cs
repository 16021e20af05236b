namespace CloudVm.Worker.Supervision;

/// <summary>Where this node keeps its files.</summary>
public sealed class NodePaths(WorkerOptions options)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Directory of the control sockets.</summary>
    public string Run { get; } = options.RunDirectory;

    /// <summary>Parent of the VMs' directories.</summary>
    public string Vms { get; } = Path.Combine(options.StateDirectory, "vms");

    /// <summary>Parent of the directories of warm-pool processes.</summary>
    public string Pool { get; } = Path.Combine(options.StateDirectory, "pool");

    /// <summary>Images fetched from the database, named by SHA-256.</summary>
    public string ImageCache { get; } = Path.Combine(options.StateDirectory, "image-cache");

    /// <summary>Holds this node's id, and the lock that lets only one Worker act for it.</summary>
    public string Identity { get; } = Path.Combine(options.StateDirectory, "node-id");

    /// <summary>Creates the directories; guests' memory passes through them, so they are the owner's only.</summary>
    public void Create()
    {
        foreach (string directory in (string[])[Run, Vms, Pool, ImageCache])
            Directory.CreateDirectory(directory, OwnerOnly);
    }

    /// <summary>Files of one VM.</summary>
    public VmDirectory ForVm(Guid vmId) => new(Path.Combine(Vms, vmId.ToString("D")));

    /// <summary>Socket of a process named <paramref name="name"/>.</summary>
    public string Socket(string name) => Path.Combine(Run, name + ".sock");
}
