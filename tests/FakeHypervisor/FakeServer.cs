using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CloudVm.Contracts.Control;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CloudVm.FakeHypervisor;

/// <summary>The control protocol's routes over a <see cref="FakeMachine"/>.</summary>
internal static class FakeServer
{
    private static readonly ControlJsonContext Json = ControlJsonContext.Default;

    public static async Task RunAsync(FakeMachine machine, string socketPath)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(socketPath);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        await using WebApplication app = builder.Build();

        app.MapGet(ControlProtocol.Paths.Hello, context => WriteAsync(context, machine.Hello(), Json.HelloResponse));
        app.MapGet(ControlProtocol.Paths.Status, context => WriteAsync(context, machine.Status(), Json.MachineStatus));
        app.MapGet(ControlProtocol.Paths.MemoryChunks, context => WriteAsync(context, machine.ChunkMap(), Json.MemoryChunkMap));
        app.MapGet(ControlProtocol.Paths.MemoryChunkData, context => WriteBytesAsync(
            context, machine.GetChunks(Number(context, "first"), Number(context, "count"))));
        app.MapGet(ControlProtocol.Paths.Disks, context => WriteAsync(context, machine.Disks(), Json.MachineDisks));
        app.MapGet(ControlProtocol.Paths.DiskBlocks, context => WriteAsync(context, machine.BlockMap(Disk(context)), Json.DiskBlockMap));
        app.MapGet(ControlProtocol.Paths.DiskBlockData, context => WriteBytesAsync(
            context, machine.GetBlocks(Disk(context), Number(context, "first"), Number(context, "count"))));
        app.MapGet(ControlProtocol.Paths.Memory, context => WriteBytesAsync(
            context, machine.ReadMemory(Address(context), Number(context, "length"))));
        app.MapGet(ControlProtocol.Paths.State, context =>
        {
            (byte[]? state, ControlProblem? problem) = machine.GetState();
            return state is null ? RefuseAsync(context, problem!) : WriteBytesAsync(context, state);
        });

        Map(HttpMethods.Post, ControlProtocol.Paths.Configure, async context =>
            machine.Configure((await JsonSerializer.DeserializeAsync(context.Request.Body, Json.MachineDefinition))!));
        Map(HttpMethods.Post, ControlProtocol.Paths.Start, _ => Task.FromResult(machine.Start()));
        Map(HttpMethods.Post, ControlProtocol.Paths.Pause, _ => Task.FromResult(machine.Pause()));
        Map(HttpMethods.Post, ControlProtocol.Paths.Resume, _ => Task.FromResult(machine.Resume()));
        Map(HttpMethods.Post, ControlProtocol.Paths.Reset, _ => Task.FromResult(machine.Reset()));
        Map(HttpMethods.Post, ControlProtocol.Paths.Stop, _ => Task.FromResult(machine.Stop()));
        Map(HttpMethods.Post, ControlProtocol.Paths.PowerButton, _ => Task.FromResult(machine.PressPowerButton()));
        Map(HttpMethods.Post, ControlProtocol.Paths.Fence, _ => Task.FromResult<ControlProblem?>(null));
        Map(HttpMethods.Post, ControlProtocol.Paths.RestoreBegin, async context =>
        {
            byte[] body = await BodyAsync(context);
            return machine.BeginRestore(body.Length == 0 ? [] : JsonSerializer.Deserialize(body, Json.BeginRestoreRequest)!.Disks);
        });
        Map(HttpMethods.Put, ControlProtocol.Paths.DiskBlockData, async context =>
            machine.PutBlocks(Disk(context), Number(context, "first"), await BodyAsync(context)));
        Map(HttpMethods.Post, ControlProtocol.Paths.MemoryDirtyEpoch, _ => Task.FromResult(machine.BeginDirtyEpoch()));
        Map(HttpMethods.Put, ControlProtocol.Paths.State, async context => machine.PutState(await BodyAsync(context)));
        Map(HttpMethods.Put, ControlProtocol.Paths.MemoryChunkData, async context =>
            machine.PutChunks(Number(context, "first"), await BodyAsync(context)));
        Map(HttpMethods.Put, ControlProtocol.Paths.Memory, async context => machine.WriteMemory(Address(context), await BodyAsync(context)));
        Map(HttpMethods.Post, ControlProtocol.Paths.ConsoleMarker, async context =>
            machine.Mark((await JsonSerializer.DeserializeAsync(context.Request.Body, Json.ConsoleMarkerRequest))!.Text));

        await app.StartAsync();
        await machine.Ended.Task;
        await app.StopAsync();

        void Map(string method, string path, Func<HttpContext, Task<ControlProblem?>> handle) =>
            app.MapMethods(path, [method], async context =>
            {
                long epoch = long.Parse(context.Request.Headers[ControlProtocol.EpochHeader].ToString(), CultureInfo.InvariantCulture);
                ControlProblem? problem = machine.Admit(epoch) ?? await handle(context);
                if (problem is null)
                    await WriteAsync(context, machine.Status(), Json.MachineStatus);
                else
                    await RefuseAsync(context, problem);
            });
    }

    private static string Disk(HttpContext context) => context.Request.Query["disk"].ToString();

    private static int Number(HttpContext context, string name) =>
        int.Parse(context.Request.Query[name].ToString(), CultureInfo.InvariantCulture);

    private static ulong Address(HttpContext context) =>
        ulong.Parse(context.Request.Query["gpa"].ToString().AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static async Task<byte[]> BodyAsync(HttpContext context)
    {
        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    private static Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type) =>
        context.Response.WriteAsJsonAsync(value, type, "application/json", context.RequestAborted);

    private static async Task WriteBytesAsync(HttpContext context, byte[] bytes)
    {
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = bytes.Length;
        context.Response.Headers[ControlProtocol.BodyHashHeader] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private static Task RefuseAsync(HttpContext context, ControlProblem problem)
    {
        context.Response.StatusCode = problem.Status;
        return context.Response.WriteAsJsonAsync(problem, Json.ControlProblem, "application/problem+json", context.RequestAborted);
    }
}
