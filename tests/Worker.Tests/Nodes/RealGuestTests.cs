using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using CloudVm.Contracts.Control;
using CloudVm.Contracts.Images;
using CloudVm.Contracts.Operations;
using CloudVm.Contracts.Serialization;
using CloudVm.Contracts.Vms;
using CloudVm.Storage;
using CloudVm.Storage.Entities;
using CloudVm.Storage.Operations;
using CloudVm.Testing;
using Microsoft.EntityFrameworkCore;

namespace CloudVm.Worker.Tests.Nodes;

/// <summary>The same node over the real Hypervisor and the real guest.</summary>
public sealed class RealGuestTests(RealGuestTests.RealNode real) : IClassFixture<RealGuestTests.RealNode>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Guest_is_snapshotted_typed_at_and_restored_with_its_scrollback()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 64, cpu: new CpuSpec { Sve = new SveSpec { Enabled = true, MaxVectorLengthBits = 512 } });
        await node.StartAsync(vm);
        await WaitForLogAsync(node, vm, "\n> ");
        Assert.Contains("VL LEN=3 bits=512", await LogAsync(node, vm), StringComparison.Ordinal);
        Assert.DoesNotContain("bits=1024", await LogAsync(node, vm), StringComparison.Ordinal);
        VirtualMachineEntity before = await node.GetVmAsync(vm);

        Guid snapshot = await node.SnapshotAsync(vm, "prompt");
        string replayedBefore = await ReplayAsync(before);
        await TypeAsync(before, "ticks\n");
        await WaitForLogAsync(node, vm, "ticks\r\n");
        await node.RunAsync(vm, OperationKind.VmRestore, new OperationRequests.Restore(snapshot));

        VirtualMachineEntity after = await node.GetVmAsync(vm);
        Assert.Equal((VmPhase.Running, before.Status!.ProcessId), (after.Status!.Phase, after.Status.ProcessId));
        Assert.StartsWith(replayedBefore, await ReplayAsync(after), StringComparison.Ordinal);
        Assert.DoesNotContain("ticks", (await ReplayAsync(after))[replayedBefore.Length..], StringComparison.Ordinal);
        Assert.Contains("restored from snapshot prompt", await LogAsync(node, vm), StringComparison.Ordinal);

        await node.RunAsync(null, OperationKind.SnapshotVerify, target: snapshot.ToString());
        using HypervisorClient client = new(after.Status.SocketPath!);
        ulong retired = (await client.StatusAsync(Ct)).RetiredInstructions;
        await TypeAsync(after, "ticks\n");
        await TestNode.UntilAsync(async () => (await client.StatusAsync(Ct)).RetiredInstructions > retired, () => "the restored guest to go on");
    }

    /// <summary>The door opens on loopback; a debugger that says something holds the guest, which the VM's status shows, and its end lets go.</summary>
    private static async Task DebuggerComesAndGoesAsync(TestNode node, Guid vm, HttpClient http)
    {
        using HttpResponseMessage opened = await http.PutAsync($"vms/{vm}/debugger", null, Ct);
        VmDebugger door = (await opened.Content.ReadFromJsonAsync<VmDebugger>(CloudVmJson.Options, Ct))!;
        Assert.Equal((false, "127.0.0.1"), (door.Attached, door.Address));
        using (TcpClient debugger = new())
        {
            await debugger.ConnectAsync(door.Address!, door.Port!.Value, Ct);
            await debugger.GetStream().WriteAsync("$?#3f"u8.ToArray(), Ct);
            await TestNode.UntilAsync(
                async () => await http.GetFromJsonAsync<VmDebugger>($"vms/{vm}/debugger", CloudVmJson.Options, Ct) is { Attached: true, Stopped: true },
                () => "the debugger to hold the guest");
            await TestNode.UntilAsync(
                async () => (await node.GetVmAsync(vm)).Status!.DebuggerAttached, () => "the status to show the debugger");
        }

        await TestNode.UntilAsync(
            async () => await http.GetFromJsonAsync<VmDebugger>($"vms/{vm}/debugger", CloudVmJson.Options, Ct) is { Attached: false, Stopped: false },
            () => "the debugger to be gone");
        using HttpResponseMessage closed = await http.DeleteAsync($"vms/{vm}/debugger", Ct);
        Assert.Null((await closed.Content.ReadFromJsonAsync<VmDebugger>(CloudVmJson.Options, Ct))!.Port);
    }

    [Fact]
    public async Task Snapshot_becomes_a_second_vm_and_survives_the_first()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 64);
        await node.StartAsync(vm);
        await WaitForLogAsync(node, vm, "\n> ");
        Guid snapshot = await node.SnapshotAsync(vm, "s");
        await node.RunAsync(vm, OperationKind.VmDelete, new OperationRequests.Stop(Force: true));

        Guid fork = await node.AddVmAsync(memoryMiB: 64);
        await node.RunAsync(fork, OperationKind.VmFork, new OperationRequests.Restore(snapshot));
        await TypeAsync(await node.GetVmAsync(fork), "help\n");
        await WaitForLogAsync(node, fork, "daxpy");
    }

    [Fact]
    public async Task Guest_is_inspected_through_the_nodes_api()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 64);
        await node.StartAsync(vm);
        await WaitForLogAsync(node, vm, "\n> ");
        using HttpClient http = node.NewHttpClient();

        Assert.Contains("\"pc\":\"0x", await http.GetStringAsync($"vms/{vm}/vcpus/0/registers", Ct), StringComparison.Ordinal);
        Assert.Contains("\"sveTraps\":", await http.GetStringAsync($"vms/{vm}/counters", Ct), StringComparison.Ordinal);
        Assert.Equal(64, (await http.GetByteArrayAsync($"vms/{vm}/memory?gpa=0x40000000&length=64", Ct)).Length);
        Assert.Contains("\"name\":\"SVE_VLS\"", await http.GetStringAsync($"vms/{vm}/vcpus/0/register-list", Ct), StringComparison.Ordinal);
        Assert.Contains("\"value\":\"0x", await http.GetStringAsync($"vms/{vm}/vcpus/0/registers/zcr_el1", Ct), StringComparison.Ordinal);
        Assert.Contains("\"elementBits\":32,\"format\":\"float\"", await http.GetStringAsync($"vms/{vm}/vcpus/0/vectors?elementBits=32&format=float", Ct), StringComparison.Ordinal);
        Assert.Equal(400, (int)(await http.GetAsync($"vms/{vm}/vcpus/0/vectors?elementBits=24", Ct)).StatusCode);
        Assert.Equal(404, (int)(await http.GetAsync($"vms/{vm}/vcpus/0/registers/V0", Ct)).StatusCode);
        Assert.Equal(404, (int)(await http.GetAsync($"vms/{vm}/vcpus/7/registers", Ct)).StatusCode);
        await DebuggerComesAndGoesAsync(node, vm, http);
        Assert.Equal(409, (int)(await http.GetAsync($"vms/{Guid.NewGuid()}/counters", Ct)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Node", "guess");
        Assert.Equal(401, (int)(await http.GetAsync($"vms/{vm}/console/log", Ct)).StatusCode);
    }

    [Fact]
    public async Task Registers_of_a_paused_guest_are_written_and_those_of_a_running_one_are_not()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 64);
        await node.StartAsync(vm);
        await WaitForLogAsync(node, vm, "\n> ");
        using HttpClient http = node.NewHttpClient();
        string path = $"vms/{vm}/vcpus/0/registers";

        Assert.Equal(409, (int)(await http.PutAsJsonAsync(path, Write("X28", "0x1"), Ct)).StatusCode);
        await node.RunAsync(vm, OperationKind.VmPause);
        HttpResponseMessage written = await http.PutAsJsonAsync(path, Write("X28", "0xabc"), Ct);
        HttpResponseMessage validated = await http.PutAsJsonAsync($"{path}?validateOnly=true", Write("X28", "0x5"), Ct);
        HttpResponseMessage refused = await http.PutAsJsonAsync(path, Write("SVE_VLS", "0x1"), Ct);

        Assert.Contains("\"value\":\"0x0000000000000abc\"", await written.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Equal(200, (int)validated.StatusCode);
        Assert.Equal(422, (int)refused.StatusCode);
        Assert.Contains("EPERM", await refused.Content.ReadAsStringAsync(Ct), StringComparison.Ordinal);
        Assert.Contains("0x0000000000000abc", await http.GetStringAsync($"{path}/X28", Ct), StringComparison.Ordinal);

        static object Write(string register, string value) => new { registers = new[] { new { register, value } } };
    }

    [Fact]
    public async Task Uploaded_bundle_boots_with_its_files_apart_and_shuts_down_when_asked()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 64);
        byte[] kernel = await File.ReadAllBytesAsync(RepositoryRoot.Combine("images", "hello-sve", "hello-sve.elf"), Ct);
        byte[] initrd = [.. Enumerable.Range(0, (1024 * 1024) + 777).Select(i => (byte)(i * 7))];
        await UseImageAsync(node, vm, ("kernel", kernel), ("initrd", initrd), ("dtb", EmptyTree));

        await node.StartAsync(vm);
        await WaitForLogAsync(node, vm, "\n> ");
        Assert.Contains("device tree at 40000000, ", await LogAsync(node, vm), StringComparison.Ordinal);
        using (HypervisorClient client = new((await node.GetVmAsync(vm)).Status!.SocketPath!))
            Assert.Equal(initrd[^64..], await client.ReadMemoryAsync(0x4200_0000 + (ulong)initrd.Length - 64, 64, Ct)); // at half of RAM

        OperationEntity stop = await node.RunAsync(vm, OperationKind.VmStop, new OperationRequests.Stop(Force: false));
        Assert.Contains("guestShutDown", stop.Result, StringComparison.Ordinal);
        Assert.Equal(VmExitReason.GuestPowerOff, (await node.GetVmAsync(vm)).Status!.LastExit!.Reason);
    }

    [Fact]
    public async Task Hostile_boot_files_end_the_start_with_every_reason()
    {
        TestNode node = real.Node;
        Guid vm = await node.AddVmAsync(memoryMiB: 16);
        await UseImageAsync(node, vm, ("kernel", "\u007fELF, but no more"u8.ToArray()), ("initrd", new byte[(16 * 1024 * 1024) + 1]), ("dtb", "no tree"u8.ToArray()));

        OperationEntity start = await node.WaitAsync(await node.EnqueueAsync(vm, OperationKind.VmStart));

        Assert.Equal(OperationState.Failed, start.State);
        Assert.Contains("less than its header", start.Problem, StringComparison.Ordinal);
        Assert.Contains("initial RAM disk", start.Problem, StringComparison.Ordinal);
        Assert.Contains("not a flattened device tree", start.Problem, StringComparison.Ordinal);
        Assert.Equal(VmPhase.Stopped, (await node.GetVmAsync(vm)).Status!.Phase);
    }

    /// <summary>Version 17 with a root and nothing in it.</summary>
    private static byte[] EmptyTree => Convert.FromHexString(
        "d00dfeed" + "00000048" + "00000038" + "00000048" + "00000028" + "00000011" + "00000010" + "00000000" + "00000000" + "00000010"
        + new string('0', 32) + "00000001" + "00000000" + "00000002" + "00000009");

    /// <summary>Gives a VM an image as an upload leaves it.</summary>
    private static async Task UseImageAsync(TestNode node, Guid vmId, params (string Role, byte[] Content)[] files)
    {
        await using CloudVmDbContext db = node.NewContext();
        List<ImageFile> stored = [.. files.Select(f => new ImageFile(f.Role, null, Convert.ToHexStringLower(SHA256.HashData(f.Content)), f.Content.Length))];
        ImageEntity image = new()
        {
            Id = Guid.CreateVersion7(),
            ProjectId = ProjectEntity.DefaultId,
            Name = $"bundle-{Guid.NewGuid():N}",
            Kind = ImageKind.LinuxBundle,
            State = ImageState.Ready,
            Sha256 = ImageHash.Of(stored),
            Files = stored,
            SizeBytes = stored.Sum(f => f.SizeBytes),
            CreatedAt = DateTimeOffset.UtcNow,
            TouchedAt = DateTimeOffset.UtcNow,
        };
        db.Images.Add(image);
        foreach ((int ordinal, byte[] part) in files.SelectMany(f => f.Content.Chunk(ImagePartEntity.MaxBytes)).Index())
            db.ImageParts.Add(new ImagePartEntity { ImageId = image.Id, Ordinal = ordinal, Data = part });
        await db.SaveChangesAsync(Ct);
        await db.VirtualMachines.Where(vm => vm.Id == vmId).ExecuteUpdateAsync(set => set.SetProperty(vm => vm.ImageId, image.Id), Ct);
    }

    private static Task WaitForLogAsync(TestNode node, Guid vm, string text)
    {
        string log = "";
        return TestNode.UntilAsync(
            async () => (log = await LogAsync(node, vm)).Contains(text, StringComparison.Ordinal), () => $"\"{text}\" in the console log:\n{log}\n{node.Log()}");
    }

    private static async Task<string> LogAsync(TestNode node, Guid vm)
    {
        using HttpClient http = node.NewHttpClient();
        return await http.GetStringAsync($"vms/{vm}/console/log", Ct);
    }

    private static async Task TypeAsync(VirtualMachineEntity vm, string text)
    {
        using HypervisorClient client = new(vm.Status!.SocketPath!);
        using WebSocket console = await client.AttachConsoleAsync(0, Ct);
        await console.SendAsync(Encoding.ASCII.GetBytes(text), WebSocketMessageType.Binary, endOfMessage: true, Ct);
        await console.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Ct);
    }

    /// <summary>What a viewer who comes now is shown.</summary>
    private static async Task<string> ReplayAsync(VirtualMachineEntity vm)
    {
        using HypervisorClient client = new(vm.Status!.SocketPath!);
        long length = (await client.StatusAsync(Ct)).ConsoleOffset;
        using WebSocket console = await client.AttachConsoleAsync(0, Ct);
        StringBuilder shown = new();
        byte[] buffer = new byte[64 * 1024];
        while (shown.Length < length)
        {
            ValueWebSocketReceiveResult received = await console.ReceiveAsync(buffer.AsMemory(), Ct);
            if (received.MessageType == WebSocketMessageType.Binary)
                shown.Append(Encoding.ASCII.GetString(buffer, 0, received.Count));
        }

        return shown.ToString();
    }

    public sealed class RealNode(PostgresFixture postgres) : IAsyncLifetime
    {
        internal TestNode Node { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Node = await TestNode.StartAsync(postgres, new Dictionary<string, string>
        {
            ["CLOUDVM_HYPERVISOR"] = Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"),
            ["CLOUDVM_IMAGES_DIR"] = Path.Combine(RepositoryRoot.Path, "images"),
        });

        public ValueTask DisposeAsync() => Node.DisposeAsync();
    }
}
