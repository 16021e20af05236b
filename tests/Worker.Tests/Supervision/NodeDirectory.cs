using CloudVm.Worker.Supervision;
using Microsoft.Extensions.Logging.Abstractions;

namespace CloudVm.Worker.Tests.Supervision;

/// <summary>A node's directories and supervision parts over the fake Hypervisor; what it started is ended on disposal.</summary>
internal sealed class NodeDirectory : IAsyncDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cvm-w-").FullName;

    public NodeDirectory(int warmPool = 0, string? hypervisor = null)
    {
        Options = new WorkerOptions
        {
            Database = "",
            NodeUrl = new Uri("http://127.0.0.1:0"),
            StateDirectory = Path.Combine(_root, "state"),
            RunDirectory = Path.Combine(_root, "run"),
            SecretsDirectory = Path.Combine(_root, "secrets"),
            HypervisorPath = hypervisor ?? FakeHypervisorPath,
            NodeName = "test-node",
            WarmPoolSize = warmPool,
        };
        Paths = new NodePaths(Options);
        Paths.Create();
        Launcher = new HypervisorLauncher(Options, Paths, Monitor, TimeProvider.System);
        Pool = new WarmPool(Options, Launcher, NullLogger<WarmPool>.Instance);
    }

    public static string FakeHypervisorPath { get; } = Path.Combine(AppContext.BaseDirectory, "CloudVm.FakeHypervisor");

    public WorkerOptions Options { get; }

    public NodePaths Paths { get; }

    public ExitMonitor Monitor { get; } = new();

    public HypervisorLauncher Launcher { get; }

    public WarmPool Pool { get; }

    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource deadline = new(TimeSpan.FromSeconds(20));
        await Pool.StopAsync(deadline.Token);
        Pool.Dispose();
        await LeftoverProcesses.EndAsync(Monitor, Paths.Run, deadline.Token);

        Monitor.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
