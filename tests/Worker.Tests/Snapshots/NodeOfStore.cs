using CloudVm.Worker.Nodes;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Tests.Snapshots;

/// <summary>A node's identity and settings without a Worker.</summary>
internal sealed class NodeOfStore : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cvm-s-").FullName;

    public NodeOfStore()
    {
        Options = new WorkerOptions
        {
            Database = "",
            NodeUrl = new Uri("http://127.0.0.1:0"),
            StateDirectory = _root,
            RunDirectory = Path.Combine(_root, "run"),
            SecretsDirectory = Path.Combine(_root, "secrets"),
            HypervisorPath = "/nonexistent",
            NodeName = "node",
        };
        NodePaths paths = new(Options);
        paths.Create();
        Identity = NodeIdentity.Acquire(paths);
    }

    public WorkerOptions Options { get; }

    public NodeIdentity Identity { get; }

    public void Dispose()
    {
        Identity.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
