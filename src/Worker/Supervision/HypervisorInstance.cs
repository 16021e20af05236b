using CloudVm.Contracts.Control;

namespace CloudVm.Worker.Supervision;

/// <summary>A live Hypervisor process with its control connection.</summary>
/// <remarks>Disposing lets go of the process and never ends it.</remarks>
public sealed class HypervisorInstance(SupervisedProcess process, HypervisorClient client, string name) : IDisposable
{
    /// <summary>Names the process's socket and pool directory.</summary>
    public string Name { get; } = name;

    /// <summary>The process.</summary>
    public SupervisedProcess Process { get; } = process;

    /// <summary>Its control socket.</summary>
    public HypervisorClient Client { get; } = client;

    /// <summary>PID and start time.</summary>
    public ProcessIdentity Identity => Process.Identity;

    /// <summary>Whether its machine has disks; null while nobody has asked.</summary>
    public bool? HasDisks { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Client.Dispose();
        Process.Dispose();
    }
}
