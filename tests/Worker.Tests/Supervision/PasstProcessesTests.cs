using System.Net.Sockets;
using CloudVm.Worker.Supervision;
using Microsoft.Extensions.Logging.Abstractions;

namespace CloudVm.Worker.Tests.Supervision;

/// <summary>VMs' passts, with Debian's passt.</summary>
public sealed class PasstProcessesTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_passt_lives_as_long_as_its_vm()
    {
        await using NodeDirectory node = new();
        PasstProcesses passts = new(node.Paths, node.Monitor, TimeProvider.System, NullLogger<PasstProcesses>.Instance);
        Guid vm = Guid.CreateVersion7();
        passts.Ensure(vm);
        ProcessIdentity first = Identity(node, vm);
        passts.Ensure(vm);
        Assert.Equal(first, Identity(node, vm));

        // The Hypervisor's connection ends, and with it this passt: the VM lives, so it gets another one.
        await ConnectAndLeaveAsync(passts.Socket(vm));
        await EndedAsync(first);
        await passts.RefreshAsync([vm], _ => true, Ct);
        ProcessIdentity second = Identity(node, vm);
        Assert.NotEqual(first, second);
        Assert.True(second.IsAlive);

        // A VM that is still being started is given time.
        await passts.RefreshAsync([vm], _ => false, Ct);
        Assert.True(second.IsAlive);

        await passts.EndAsync(vm, Ct);
        await EndedAsync(second);
        Assert.Null(node.Paths.ForVm(vm).ReadNetwork());
        Assert.False(File.Exists(passts.Socket(vm)));
        await passts.RefreshAsync([vm], _ => true, Ct);
        Assert.Null(node.Paths.ForVm(vm).ReadNetwork());
    }

    private static ProcessIdentity Identity(NodeDirectory node, Guid vm) => node.Paths.ForVm(vm).ReadNetwork()!.Identity;

    private static async Task ConnectAndLeaveAsync(string path)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(Patience);
        while (true)
        {
            using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), deadline.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20, deadline.Token);
            }
        }
    }

    private static async Task EndedAsync(ProcessIdentity process)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(Patience);
        while (process.IsAlive)
            await Task.Delay(20, deadline.Token);
    }
}
