using CloudVm.Contracts.Control;
using Microsoft.AspNetCore.Http;
using static CloudVm.Contracts.Control.ControlProtocol;

namespace CloudVm.Hypervisor.Control;

/// <summary>The calls that concern disks.</summary>
internal sealed partial class ControlServer
{
    private Task DisksAsync(HttpContext context) =>
        context.Response.WriteJsonAsync(RequireMachine().ReadDisks(), ControlJsonContext.Default.MachineDisks);

    private Task BlockMapAsync(HttpContext context) => context.Response.WriteJsonAsync(
        RequireMachine().ReadBlockMap(DiskName(context)) ?? throw NoSuchDisk(context), ControlJsonContext.Default.DiskBlockMap);

    private async Task ReadBlocksAsync(HttpContext context)
    {
        var disk = RequireMachine().FindDisk(DiskName(context)) ?? throw NoSuchDisk(context);
        var overlay = disk.Overlay;
        var first = (int)context.Request.QueryNumber("first", int.MaxValue);
        var count = (int)context.Request.QueryNumber("count", MaxChunksPerTransfer);
        if (count > overlay.BlockCount - first)
            throw OutsideDisk(context, first, count);
        var bytes = new byte[count * ChunkBytes];
        await Task.Run(() => overlay.ReadBlocks(first, bytes), context.RequestAborted).ConfigureAwait(false);
        await context.Response.WriteBytesAsync(bytes).ConfigureAwait(false);
    }

    private async Task WriteBlocksAsync(HttpContext context)
    {
        var first = (int)context.Request.QueryNumber("first", int.MaxValue);
        var bytes = await context.Request.ReadBytesAsync(MaxChunksPerTransfer * ChunkBytes).ConfigureAwait(false);
        if (bytes.Length % ChunkBytes != 0)
            throw ControlException.BadRequest(string.Empty, $"The body must consist of blocks of {ChunkBytes} bytes.");
        await RestoreBlocksAsync(context, first, bytes, bytes.Length / ChunkBytes).ConfigureAwait(false);
    }

    private Task ZeroBlocksAsync(HttpContext context) => RestoreBlocksAsync(
        context, (int)context.Request.QueryNumber("first", int.MaxValue), null, (int)context.Request.QueryNumber("count", int.MaxValue));

    private async Task RestoreBlocksAsync(HttpContext context, int first, byte[]? bytes, int count)
    {
        var machine = RequireMachine();
        var name = DiskName(context);
        if (machine.FindDisk(name) is null)
            throw NoSuchDisk(context);
        if (!await Task.Run(() => machine.TryRestoreBlocks(name, first, bytes, count), context.RequestAborted).ConfigureAwait(false))
            throw OutsideDisk(context, first, count);
    }

    private async Task BeginRestoreAsync(HttpContext context)
    {
        var request = context.Request.ContentLength is > 0 || context.Request.Headers.TransferEncoding.Count > 0
            ? await context.Request.ReadJsonAsync(ControlJsonContext.Default.BeginRestoreRequest).ConfigureAwait(false)
            : null;
        var machine = RequireMachine();
        await Task.Run(() => machine.BeginRestore(request?.Disks), context.RequestAborted).ConfigureAwait(false);
    }

    private static string DiskName(HttpContext context) => context.Request.Query["disk"].ToString();

    private static ControlException NoSuchDisk(HttpContext context) => ControlException.NotFound($"There is no disk '{DiskName(context)}'.");

    private static ControlException OutsideDisk(HttpContext context, int first, int count) =>
        ControlException.BadRequest(string.Empty, $"{count} blocks from {first} on are not all on disk '{DiskName(context)}'.");
}
