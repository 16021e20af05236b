using CloudVm.Contracts.Control;
using CloudVm.Hypervisor.Debugging;
using CloudVm.Hypervisor.Devices.Virtio.Block;
using CloudVm.Hypervisor.Machine;

namespace CloudVm.Hypervisor.Control;

/// <summary><c>run</c>: one machine in the foreground with the UART on standard input and output, for trying guests by hand.</summary>
internal static class RunCommand
{
    public const string Usage =
        "run --kernel FILE [--profile NAME] [--cpus N] [--memory MIB] [--max-vl BITS] [--no-sve] [--no-ptrauth] [--initrd FILE] [--dtb FILE] [--append TEXT] [--disk FILE]... [--net none|passt:SOCKET] [--gdb SOCKET] [--counters]";

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var profile = arguments.Value("--profile") ?? "max-pow2";
        var definition = new MachineDefinition
        {
            VmId = Guid.CreateVersion7(),
            HostProfile = new HostProfileDefinition { Name = profile },
            CpuCount = arguments.Number("--cpus", 1),
            MemoryMiB = arguments.Number("--memory", 64),
            SveEnabled = !arguments.Flag("--no-sve") && Host.HostProfile.BuiltIn.TryGetValue(profile, out var host)
                && !host.Cpus[0].VectorLengths.IsEmpty,
            Ptrauth = !arguments.Flag("--no-ptrauth"),
            VectorLengthsBits = LengthsUpTo(profile, arguments.Number("--max-vl", 0)),
            Network = Network(arguments.Value("--net")),
            Boot = new BootSource
            {
                KernelPath = arguments.Value("--kernel") ?? string.Empty,
                InitrdPath = arguments.Value("--initrd"),
                DtbPath = arguments.Value("--dtb"),
                CommandLine = arguments.Value("--append"),
            },
        };
        var showCounters = arguments.Flag("--counters");
        var diskFiles = arguments.Values("--disk");
        var debuggerSocket = arguments.Value("--gdb");
        arguments.RefuseRest();

        GuestMachine machine;
        try
        {
            machine = GuestMachine.Create(definition, TimeProvider.System, OpenDisks(diskFiles));
        }
        catch (MachineDefinitionException e)
        {
            foreach (var reason in e.Reasons)
                await Console.Error.WriteLineAsync($"{reason.Pointer}: {reason.Detail}").ConfigureAwait(false);
            return 2;
        }

        await using (machine.ConfigureAwait(false))
        {
            machine.DeviceReported += e => Console.Error.WriteLine($"[{e.Device}] {e.Message}");
            var debugger = new GdbServer(machine);
            await using var debuggerLifetime = debugger.ConfigureAwait(false);
            if (debuggerSocket is not null)
                debugger.ListenOn(Path.GetFullPath(debuggerSocket));
            machine.Start();
            _ = Task.Factory.StartNew(() => Type(machine), TaskCreationOptions.LongRunning);
            await PrintAsync(machine).ConfigureAwait(false);
            var exit = await machine.Ended.ConfigureAwait(false);
            await Console.Error.WriteLineAsync($"[{exit.Reason}] {exit.Detail}").ConfigureAwait(false);
            if (showCounters)
                await Console.Error.WriteLineAsync(System.Text.Json.JsonSerializer.Serialize(machine.ReadCounters(), ControlJsonContext.Default.MachineCounters)).ConfigureAwait(false);
            return exit.Reason == MachineExitReason.GuestOff ? 0 : 1;
        }
    }

    /// <summary><c>none</c> is a card without a cable, <c>passt:SOCKET</c> one that passt serves; no option is no card.</summary>
    private static NetworkDefinition? Network(string? option) => option?.Split(':', 2) switch
    {
        null => null,
        [var backend] => new NetworkDefinition { Backend = backend },
        [var backend, var socket, ..] => new NetworkDefinition { Backend = backend, SocketPath = socket },
        _ => throw new UsageException("--net needs a backend."),
    };

    /// <summary>Files that are disks byte for byte, writable when their permissions allow it.</summary>
    private static BoardDisk[] OpenDisks(IReadOnlyList<string> files)
    {
        var disks = new List<BoardDisk>();
        foreach (var file in files)
        {
            try
            {
                var readOnly = (File.GetAttributes(file) & FileAttributes.ReadOnly) != 0;
                disks.Add(new BoardDisk($"disk{disks.Count}", new RawFileBackend(file, readOnly)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new UsageException($"The disk '{file}' cannot be opened: {e.Message}");
            }
        }

        return [.. disks];
    }

    private static int[]? LengthsUpTo(string profile, int maxBits)
    {
        if (maxBits == 0 || !Host.HostProfile.BuiltIn.TryGetValue(profile, out var host))
            return null;
        return Host.VectorLengthMap.Of(host).Virtualisable.CutAt(maxBits / 128).ToLengthsBits();
    }

    /// <summary>Copies console output until the machine has ended and everything is out.</summary>
    private static async Task PrintAsync(GuestMachine machine)
    {
        var output = Console.OpenStandardOutput();
        await using var outputLifetime = output.ConfigureAwait(false);
        var buffer = new byte[4096];
        long position = 0;
        var generation = machine.Console.Generation;
        while (true)
        {
            var ended = machine.Ended.IsCompleted;
            var count = machine.Console.Read(ref position, ref generation, buffer, out _);
            if (count > 0)
            {
                await output.WriteAsync(buffer.AsMemory(0, count)).ConfigureAwait(false);
                await output.FlushAsync().ConfigureAwait(false);
            }
            else if (ended)
            {
                return;
            }
            else
            {
                await Task.WhenAny(machine.Console.WaitAsync(position, generation, CancellationToken.None), machine.Ended).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Types standard input into the UART; a line end becomes the return key.</summary>
    private static void Type(GuestMachine machine)
    {
        using var input = Console.OpenStandardInput();
        var buffer = new byte[256];
        int count;
        while ((count = input.Read(buffer)) > 0)
        {
            buffer.AsSpan(0, count).Replace((byte)'\n', (byte)'\r');
            machine.TypeConsole(buffer.AsSpan(0, count));
        }
    }
}
