using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Tests.Guests;

namespace CloudVm.Hypervisor.Tests.Control;

/// <summary>The control protocol against a real process over its Unix socket.</summary>
public sealed class ControlProtocolTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LifeOfAMachine()
    {
        await using var process = await HypervisorProcess.StartAsync();
        var client = process.Client;
        var hello = await client.HelloAsync(Ct);
        Assert.Equal(ControlProtocol.Version, hello.ProtocolVersion);
        Assert.Equal(process.ProcessId, hello.ProcessId);
        Assert.Equal(MachineState.Idle, hello.State);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(client.SocketPath));

        var definition = Definition(process);
        Assert.Equal(MachineState.Configured, (await client.ConfigureAsync(definition, Ct)).State);
        Assert.Equal(definition.VmId, (await client.HelloAsync(Ct)).VmId);
        Assert.Equal(MachineState.Running, (await client.StartAsync(Ct)).State);
        using var console = await client.AttachConsoleAsync(0, Ct);
        var viewer = new Viewer(console);
        await viewer.WaitForAsync("> ");
        Assert.Contains("VL LEN=15 bits=512", viewer.Text, StringComparison.Ordinal);
        Assert.Contains("VL LEN=15 bits=512", await File.ReadAllTextAsync(process.ConsoleLogPath, Ct), StringComparison.Ordinal);

        Assert.Equal(MachineState.Paused, (await client.PauseAsync(Ct)).State);
        var registers = await client.RegistersAsync(0, Ct);
        Assert.Equal(512, registers.MaxVectorLengthBits);
        Assert.Equal(128, registers.Z[0].Length);
        Assert.EndsWith("5", registers.Pstate, StringComparison.Ordinal); // EL1h
        Assert.Equal(new byte[] { 0xd0, 0x0d, 0xfe, 0xed }, await client.ReadMemoryAsync(0x4000_0000, 4, Ct));
        Assert.Equal(404, (await Refused(() => client.RegistersAsync(9, Ct))).Status);

        await client.StopAsync(force: false, Ct);
        await process.WaitForExitAsync();
        var record = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(process.ExitRecordPath, Ct), ControlJsonContext.Default.ExitRecord)!;
        Assert.Equal(MachineExitReason.Stopped, record.Reason);
        Assert.Equal(definition.VmId, record.VmId);
        Assert.Equal(hello.ProcessStartTime, record.ProcessStartTime);
        Assert.False(File.Exists(client.SocketPath));
    }

    [Fact]
    public async Task LowerEpochIsRefusedEverywhere()
    {
        await using var process = await HypervisorProcess.StartAsync();
        await process.Client.ConfigureAsync(Definition(process), Ct);
        using var newer = new HypervisorClient(process.Client.SocketPath, epoch: 7);
        await newer.FenceAsync(Ct);

        foreach (var call in new Func<Task>[]
        {
            () => process.Client.StartAsync(Ct), () => process.Client.StopAsync(true, Ct), () => process.Client.FenceAsync(Ct),
            () => process.Client.BeginRestoreAsync(Ct), () => process.Client.WriteMemoryAsync(0x4000_0000, new byte[1], Ct),
        })
        {
            var problem = await Refused(call);
            Assert.Equal((409, ControlProtocol.ProblemCodes.StaleEpoch, 7L), (problem.Status, problem.Code, problem.Epoch!.Value));
        }

        Assert.Equal(7, (await process.Client.HelloAsync(Ct)).Epoch);
        Assert.Equal(MachineState.Running, (await newer.StartAsync(Ct)).State);
    }

    [Fact]
    public async Task WrongDefinitionsAreRefusedWithEveryReasonAndLeaveTheProcessUsable()
    {
        await using var process = await HypervisorProcess.StartAsync();
        var definition = Definition(process);

        var problem = await Refused(() => process.Client.ConfigureAsync(definition with { CpuCount = 0, MemoryMiB = 3, AbiProfile = "x" }, Ct));

        Assert.Equal(422, problem.Status);
        Assert.Equal(["/abiProfile", "/cpuCount", "/memoryMiB"], problem.Errors.Select(e => e.Pointer).Order(StringComparer.Ordinal));
        Assert.Equal(409, (await Refused(() => process.Client.StartAsync(Ct))).Status);
        await process.Client.ConfigureAsync(definition, Ct);
        Assert.Equal(409, (await Refused(() => process.Client.ConfigureAsync(definition, Ct))).Status);
        Assert.Equal(409, (await Refused(() => process.Client.PauseAsync(Ct))).Status);
        Assert.Equal(400, (await Refused(() => process.Client.ReadMemoryAsync(0, 16, Ct))).Status);
    }

    [Fact]
    public async Task SeveralViewersSeeTheSameConsoleAndMayType()
    {
        await using var process = await HypervisorProcess.StartAsync();
        await process.Client.ConfigureAsync(Definition(process), Ct);
        using var first = await process.Client.AttachConsoleAsync(0, Ct);
        await process.Client.StartAsync(Ct);
        var early = new Viewer(first);
        await early.WaitForAsync("> ");
        using var second = await process.Client.AttachConsoleAsync(0, Ct);
        var late = new Viewer(second);
        await late.WaitForAsync("> ");
        Assert.Equal(early.Text, late.Text);

        await second.SendAsync(Encoding.ASCII.GetBytes("help\r"), WebSocketMessageType.Binary, true, Ct);
        await early.WaitForAsync("off");
        await late.WaitForAsync("off");
        await process.Client.StopAsync(false, Ct);
        await late.WaitForEndAsync();
    }

    [Fact]
    public async Task RestoreOverTheSocketRewindsViewersAndMarksTheLog()
    {
        await using var process = await HypervisorProcess.StartAsync();
        var client = process.Client;
        await client.ConfigureAsync(Definition(process), Ct);
        using var socket = await client.AttachConsoleAsync(0, Ct);
        var viewer = new Viewer(socket);
        await client.StartAsync(Ct);
        await viewer.WaitForAsync("> ");
        await client.PauseAsync(Ct);
        var state = await client.GetStateAsync(Ct);
        var map = await client.GetChunkMapAsync(Ct);
        var chunks = new List<(int Index, byte[] Data)>();
        for (var i = 0; i < map.ChunkCount; i++)
        {
            if ((map.Touched[i >> 3] & (1 << (i & 7))) != 0)
                chunks.Add((i, await client.GetChunksAsync(i, 1, Ct)));
        }

        var saved = viewer.Text;
        await client.ResumeAsync(Ct);
        await socket.SendAsync(Encoding.ASCII.GetBytes("help\r"), WebSocketMessageType.Binary, true, Ct);
        await viewer.WaitForAsync("off");
        Assert.Equal(409, (await Refused(() => client.PutStateAsync(state, Ct))).Status);

        Assert.Equal(MachineState.Restoring, (await client.BeginRestoreAsync(Ct)).State);
        foreach (var (index, data) in chunks)
            await client.PutChunksAsync(index, data, Ct);
        state[^1] ^= 1;
        Assert.Equal(ControlProtocol.ProblemCodes.CorruptState, (await Refused(() => client.PutStateAsync(state, Ct))).Code);
        state[^1] ^= 1;
        Assert.Equal(MachineState.Paused, (await client.PutStateAsync(state, Ct)).State);
        await client.AppendConsoleMarkerAsync("restored from snapshot nightly", Ct);
        await viewer.WaitForReplayAsync();
        await viewer.WaitForAsync("> ");

        Assert.Equal(saved, viewer.Text);
        Assert.Equal(state, await client.GetStateAsync(Ct));
        var log = await File.ReadAllTextAsync(process.ConsoleLogPath, Ct);
        Assert.Contains("restored from snapshot nightly", log, StringComparison.Ordinal);
        Assert.Contains("help", log, StringComparison.Ordinal);
        await client.ResumeAsync(Ct);
    }

    [Fact]
    public async Task TerminationIsOrderlyAndKillLeavesNoRecord()
    {
        await using var terminated = await HypervisorProcess.StartAsync();
        await terminated.Client.ConfigureAsync(Definition(terminated), Ct);
        await terminated.Client.StartAsync(Ct);
        await SignalAsync("TERM", terminated);
        await terminated.WaitForExitAsync();
        var record = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(terminated.ExitRecordPath, Ct), ControlJsonContext.Default.ExitRecord)!;
        Assert.Equal(MachineExitReason.Terminated, record.Reason);

        await using var killed = await HypervisorProcess.StartAsync();
        await killed.Client.ConfigureAsync(Definition(killed), Ct);
        await killed.Client.StartAsync(Ct);
        await SignalAsync("KILL", killed);
        await killed.WaitForExitAsync();
        Assert.False(File.Exists(killed.ExitRecordPath));
    }

    private static MachineDefinition Definition(HypervisorProcess process) => new HelloSveMachine("a64fx").ToDefinition(process);

    private static async Task SignalAsync(string signal, HypervisorProcess process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.ProcessId.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(Ct);
        Assert.Equal(0, kill.ExitCode);
    }

    private static async Task<ControlProblem> Refused(Func<Task> call) =>
        (await Assert.ThrowsAsync<HypervisorControlException>(call)).Problem;

    /// <summary>Collects what a console socket sends.</summary>
    private sealed class Viewer(WebSocket socket)
    {
        private readonly byte[] _buffer = new byte[64 * 1024];
        private int _replays;
        private bool _ended;

        public string Text { get; private set; } = string.Empty;

        public Task WaitForAsync(string text)
        {
            var from = Text.Length;
            return ReadUntilAsync(() => Text.IndexOf(text, Math.Min(from, Text.Length), StringComparison.Ordinal) >= 0);
        }

        public Task WaitForReplayAsync()
        {
            var before = _replays;
            return ReadUntilAsync(() => _replays > before);
        }

        public Task WaitForEndAsync() => ReadUntilAsync(() => _ended);

        private async Task ReadUntilAsync(Func<bool> done)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
            deadline.CancelAfter(TimeSpan.FromSeconds(60));
            while (!done())
            {
                var message = await socket.ReceiveAsync(_buffer.AsMemory(), deadline.Token);
                if (message.MessageType == WebSocketMessageType.Binary)
                {
                    Text += Encoding.ASCII.GetString(_buffer, 0, message.Count);
                }
                else if (message.MessageType == WebSocketMessageType.Text)
                {
                    var frame = JsonSerializer.Deserialize(_buffer.AsSpan(0, message.Count), ControlJsonContext.Default.ConsoleFrame)!;
                    if (frame.Type == "replay")
                    {
                        _replays++;
                        Text = string.Empty;
                    }

                    _ended |= frame.Type == "end";
                }
            }
        }
    }
}
