using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Memory;
using Microsoft.AspNetCore.Http;
using static CloudVm.Contracts.Control.ControlProtocol;

namespace CloudVm.Hypervisor.Control;

/// <summary>The calls that read, and the bodies of those that write.</summary>
internal sealed partial class ControlServer
{
    private const int MaxStateBytes = 16 * 1024 * 1024;

    private Task HelloAsync(HttpContext context) => context.Response.WriteJsonAsync(
        new HelloResponse(
            ControlProtocol.Version, Environment.ProcessId, ProcessIdentity.StartTime, ProcessIdentity.BuildId,
            Machine?.Configuration.Definition.VmId, Epoch, Machine?.State ?? MachineState.Idle),
        ControlJsonContext.Default.HelloResponse);

    private Task AnswerStatusAsync(HttpContext context) => context.Response.WriteJsonAsync(
        Machine is { } machine ? ReadStatus(machine) : new MachineStatus(MachineState.Idle, null, null, 0, 0, 0, 0, 0, 0, 0),
        ControlJsonContext.Default.MachineStatus);

    private Task CountersAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(RequireMachine().ReadCounters(), ControlJsonContext.Default.MachineCounters);

    private Task ReadMemoryAsync(HttpContext context)
    {
        var machine = RequireMachine();
        var gpa = context.Request.QueryNumber("gpa", ulong.MaxValue);
        var bytes = new byte[(int)context.Request.QueryNumber("length", MaxMemoryBytes)];
        if (!machine.Memory.TryRead(gpa, bytes))
            throw OutsideRam(gpa, bytes.Length);
        return context.Response.WriteBytesAsync(bytes);
    }

    private Task ChunkMapAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(RequireMachine().ReadChunkMap(), ControlJsonContext.Default.MemoryChunkMap);

    private Task ReadChunksAsync(HttpContext context)
    {
        var machine = RequireMachine();
        var first = (int)context.Request.QueryNumber("first", int.MaxValue);
        var count = (int)context.Request.QueryNumber("count", MaxChunksPerTransfer);
        var bytes = new byte[count * GuestMemory.ChunkSize];
        var gpa = machine.Memory.Base + ((ulong)first * GuestMemory.ChunkSize);
        if (!machine.Memory.TryRead(gpa, bytes))
            throw OutsideRam(gpa, bytes.Length);
        return context.Response.WriteBytesAsync(bytes);
    }

    private async Task ReadStateAsync(HttpContext context)
    {
        var machine = RequireMachine();
        var state = await Task.Run(machine.SaveState, context.RequestAborted).ConfigureAwait(false);
        await context.Response.WriteBytesAsync(state).ConfigureAwait(false);
    }

    private async Task ConsoleAsync(HttpContext context)
    {
        var machine = RequireMachine();
        if (!context.WebSockets.IsWebSocketRequest)
            throw ControlException.BadRequest(string.Empty, "The console is a WebSocket.");
        var from = context.Request.Query.ContainsKey("from") ? (long)context.Request.QueryNumber("from", long.MaxValue) : 0;
        using var socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        var viewer = new ConsoleSocket(socket, machine).RunAsync(from, context.RequestAborted);
        lock (_viewers)
            _viewers.Add(viewer);
        try
        {
            await viewer.ConfigureAwait(false);
        }
        finally
        {
            lock (_viewers)
                _viewers.Remove(viewer);
        }
    }

    private Task DeviceEventsAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(
            new DeviceEventList(RequireMachine().ReadDeviceEvents((long)context.Request.QueryNumber("after", long.MaxValue))),
            ControlJsonContext.Default.DeviceEventList);

    private Task BalloonAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(RequireMachine().ReadBalloon(), ControlJsonContext.Default.BalloonStatus);

    private async Task SetBalloonAsync(HttpContext context)
    {
        const int PageBytes = 4096;
        var request = await context.Request.ReadJsonAsync(ControlJsonContext.Default.BalloonRequest).ConfigureAwait(false);
        var machine = RequireMachine();
        if (request.TargetBytes < 0 || request.TargetBytes > machine.Memory.Size || request.TargetBytes % PageBytes != 0)
        {
            throw ControlException.BadRequest("/targetBytes",
                $"A balloon has a multiple of {PageBytes} bytes, at most the guest's {machine.Memory.Size}, not {request.TargetBytes}.");
        }

        machine.SetBalloon(request.TargetBytes);
    }

    private async Task AppendMarkerAsync(HttpContext context)
    {
        const int MaxMarkerLength = 500;
        var marker = await context.Request.ReadJsonAsync(ControlJsonContext.Default.ConsoleMarkerRequest).ConfigureAwait(false);
        if (string.IsNullOrEmpty(marker.Text) || marker.Text.Length > MaxMarkerLength || marker.Text.Any(char.IsControl))
            throw ControlException.BadRequest("/text", $"A marker is one line of 1 to {MaxMarkerLength} characters.");
        RequireMachine().AppendLogMarker(marker.Text);
    }

    private async Task WriteMemoryAsync(HttpContext context)
    {
        var machine = RequireMachine();
        var gpa = context.Request.QueryNumber("gpa", ulong.MaxValue);
        var bytes = await context.Request.ReadBytesAsync(MaxMemoryBytes).ConfigureAwait(false);
        if (machine.State == MachineState.Restoring)
            throw ControlException.InvalidState("During a restore memory is written by whole chunks.");
        if (!await Task.Run(() => machine.WhileHalted(() => machine.Memory.TryWrite(gpa, bytes)), context.RequestAborted).ConfigureAwait(false))
            throw OutsideRam(gpa, bytes.Length);
    }

    private async Task WriteChunksAsync(HttpContext context)
    {
        var machine = RequireMachine();
        if (machine.State != MachineState.Restoring)
            throw ControlException.InvalidState($"Chunks are taken during a restore only, not in state {machine.State}.");
        var first = (int)context.Request.QueryNumber("first", int.MaxValue);
        var bytes = await context.Request.ReadBytesAsync(MaxChunksPerTransfer * GuestMemory.ChunkSize).ConfigureAwait(false);
        if (bytes.Length == 0 || bytes.Length % GuestMemory.ChunkSize != 0)
            throw ControlException.BadRequest(string.Empty, $"{bytes.Length} bytes are no whole number of chunks of {GuestMemory.ChunkSize}.");
        var gpa = machine.Memory.Base + ((ulong)first * GuestMemory.ChunkSize);
        if (!machine.Memory.TryWrite(gpa, bytes))
            throw OutsideRam(gpa, bytes.Length);
    }

    private async Task WriteStateAsync(HttpContext context)
    {
        var machine = RequireMachine();
        var state = await context.Request.ReadBytesAsync(MaxStateBytes).ConfigureAwait(false);
        await Task.Run(() => machine.RestoreState(state), context.RequestAborted).ConfigureAwait(false);
    }

    private static ControlException OutsideRam(ulong gpa, int length) =>
        ControlException.BadRequest(string.Empty, $"{length} bytes at 0x{gpa:x} do not lie in RAM.");
}
