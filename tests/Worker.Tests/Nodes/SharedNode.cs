using CloudVm.Testing;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>One node for all tests of a class that do not kill it; each test has VMs of its own.</summary>
public sealed class SharedNode(PostgresFixture postgres) : IAsyncLifetime
{
    internal TestNode Node { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Node = await TestNode.StartAsync(postgres);

    public ValueTask DisposeAsync() => Node.DisposeAsync();
}
