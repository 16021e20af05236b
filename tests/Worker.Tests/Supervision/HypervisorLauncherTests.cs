using CloudVm.Contracts.Control;
using CloudVm.Worker.Supervision;

namespace CloudVm.Worker.Tests.Supervision;

public sealed class HypervisorLauncherTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Started_process_answers_and_can_be_found_again()
    {
        await using NodeDirectory node = new();
        using HypervisorInstance first = await node.Launcher.StartAsync(Ct);

        var again = await node.Launcher.TryAttachAsync(first.Identity, first.Client.SocketPath, Ct);

        Assert.NotNull(again);
        using HypervisorInstance second = again.Value.Instance;
        Assert.Equal(MachineState.Idle, again.Value.Hello.State);
        Assert.Equal(first.Name, second.Name);
        await second.Process.KillAsync(Ct);
        Assert.Equal(9, (await first.Process.Exited.WaitAsync(Ct)).Signal ?? (await second.Process.Exited).Signal);
        Assert.Null(await node.Launcher.TryAttachAsync(first.Identity, first.Client.SocketPath, Ct));
    }

    [Fact]
    public async Task Program_that_ends_at_once_is_reported_with_its_output()
    {
        await using NodeDirectory node = new(hypervisor: "/bin/ls");

        HypervisorStartException error = await Assert.ThrowsAsync<HypervisorStartException>(() => node.Launcher.StartAsync(Ct));

        Assert.Contains("unrecognized option", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(node.Paths.Pool));
    }

    [Fact]
    public async Task Missing_program_is_reported()
    {
        await using NodeDirectory node = new(hypervisor: "/nonexistent/hypervisor");

        HypervisorStartException error = await Assert.ThrowsAsync<HypervisorStartException>(() => node.Launcher.StartAsync(Ct));

        Assert.Contains("/nonexistent/hypervisor", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Socket_of_another_process_is_refused()
    {
        await using NodeDirectory node = new();
        using HypervisorInstance one = await node.Launcher.StartAsync(Ct);
        using HypervisorInstance other = await node.Launcher.StartAsync(Ct);

        HypervisorStartException error = await Assert.ThrowsAsync<HypervisorStartException>(
            () => node.Launcher.TryAttachAsync(one.Identity, other.Client.SocketPath, Ct));

        Assert.Contains("is answered by process", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Warm_pool_fills_hands_out_and_replaces_the_dead()
    {
        await using NodeDirectory node = new(warmPool: 2);
        await node.Pool.StartAsync(Ct);
        await ReadyAsync(node.Pool, 2);

        using HypervisorInstance taken = await node.Pool.TakeAsync(Ct);
        Assert.Equal(MachineState.Idle, (await taken.Client.HelloAsync(Ct)).State);
        await ReadyAsync(node.Pool, 2);

        using HypervisorInstance victim = await node.Pool.TakeAsync(Ct);
        await victim.Process.KillAsync(Ct);
        await ReadyAsync(node.Pool, 2);
        Assert.False(taken.Process.Exited.IsCompleted);
    }

    private static async Task ReadyAsync(WarmPool pool, int count)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(TimeSpan.FromSeconds(30));
        while (pool.ReadyCount < count)
            await Task.Delay(10, deadline.Token);
    }
}
