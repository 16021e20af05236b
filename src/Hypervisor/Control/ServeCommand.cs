using System.Runtime.InteropServices;
using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Machine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace CloudVm.Hypervisor.Control;

/// <summary>Options of <c>serve</c>.</summary>
/// <param name="SocketPath">Unix socket to listen on; created with mode 0600.</param>
/// <param name="Directory">Working directory, which also takes the process's own log.</param>
/// <param name="ConsoleLogPath">Console log unless the definition names one.</param>
/// <param name="ExitRecordPath">Exit record unless the definition names one.</param>
internal sealed record ServeOptions(string SocketPath, string Directory, string? ConsoleLogPath, string? ExitRecordPath);

/// <summary><c>serve</c>: waits on a Unix socket for a machine definition, runs that one machine, and goes away with it.</summary>
internal static class ServeCommand
{
    public const string Usage = "serve --socket PATH --dir PATH [--console-log PATH] [--exit-record PATH]";

    /// <summary>Longest path of a Unix socket, a limit of the kernel (unix(7), sun_path without its terminator).</summary>
    private const int MaxSocketPathBytes = 107;

    private const long MaxBodyBytes = 20 * 1024 * 1024;

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var options = new ServeOptions(
            Path.GetFullPath(arguments.Required("--socket")), Path.GetFullPath(arguments.Required("--dir")),
            arguments.Value("--console-log"), arguments.Value("--exit-record"));
        arguments.RefuseRest();
        var socketBytes = System.Text.Encoding.UTF8.GetByteCount(options.SocketPath);
        if (socketBytes > MaxSocketPathBytes)
            throw new UsageException($"The socket path has {socketBytes} bytes; at most {MaxSocketPathBytes} are possible.");

        Directory.CreateDirectory(options.Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.SetCurrentDirectory(options.Directory);
        using var log = new FileLogger(Path.Combine(options.Directory, "hypervisor.log"), TimeProvider.System);
        var exitRecord = new ExitRecordWriter(TimeProvider.System) { Path = options.ExitRecordPath };
        using var server = new ControlServer(options, exitRecord, TimeProvider.System, log);
        AppDomain.CurrentDomain.UnhandledException += (_, e) =>
            exitRecord.Write(new MachineExit(MachineExitReason.Crashed, e.ExceptionObject.ToString()), server.Machine, server.Epoch);
        using var terminate = OnSignal(PosixSignal.SIGTERM, server);
        using var interrupt = OnSignal(PosixSignal.SIGINT, server);

        var app = Build(options, log);
        await using (app.ConfigureAwait(false))
        {
            app.UseWebSockets();
            app.Run(server.HandleAsync);
            File.Delete(options.SocketPath); // a leftover of a killed process would make bind fail
            await app.StartAsync(CancellationToken.None).ConfigureAwait(false);
            File.SetUnixFileMode(options.SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var exit = await server.Ended.ConfigureAwait(false);
            await server.DismissViewersAsync(TimeSpan.FromSeconds(2)).ConfigureAwait(false);
            await server.DismissDebuggerAsync().ConfigureAwait(false);
            using var grace = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await app.StopAsync(grace.Token).ConfigureAwait(false);
            File.Delete(options.SocketPath);
            return exit.Reason is MachineExitReason.Crashed or MachineExitReason.GuestError ? 1 : 0;
        }
    }

    private static WebApplication Build(ServeOptions options, FileLogger log)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "CloudVm.Hypervisor" });
        builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.ListenUnixSocket(options.SocketPath, listen => listen.Protocols = HttpProtocols.Http1);
        });
        return builder.Build();
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, ControlServer server) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            _ = server.EndAsync(new MachineExit(MachineExitReason.Terminated, $"The process received {context.Signal}."));
        });
}
