using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A Debian guest in a real Hypervisor process, used through the shell on its console.</summary>
internal sealed class DebianGuest : IAsyncDisposable
{
    /// <summary>For a boot on a machine that has other things to do; an idle one needs a fiftieth of it.</summary>
    private static readonly TimeSpan BootDeadline = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan CommandDeadline = TimeSpan.FromMinutes(1);

    private readonly HypervisorProcess _process;
    private readonly GuestConsole _console;
    private int _commands;

    private DebianGuest(HypervisorProcess process, GuestConsole console)
    {
        _process = process;
        _console = console;
    }

    public HypervisorClient Client => _process.Client;

    /// <summary>Everything on the console so far.</summary>
    public string ConsoleText => _console.Text;

    /// <summary>Boots an image to its shell.</summary>
    /// <param name="change">Alters the machine before it is made.</param>
    public static async Task<DebianGuest> BootAsync(DebianImage image, int cpus, Func<MachineDefinition, MachineDefinition>? change = null)
    {
        var process = await HypervisorProcess.StartAsync();
        DebianGuest? guest = null;
        try
        {
            var definition = Define(image, cpus, process);
            await process.Client.ConfigureAsync(change?.Invoke(definition) ?? definition, TestContext.Current.CancellationToken);
            guest = new DebianGuest(process, await GuestConsole.AttachAsync(process.Client));
            await process.Client.StartAsync(TestContext.Current.CancellationToken);
            await guest.WaitForShellAsync();
            return guest;
        }
        catch
        {
            await (guest?.DisposeAsync() ?? process.DisposeAsync());
            throw;
        }
    }

    /// <summary>Goes on from a saved machine in a process of its own.</summary>
    /// <param name="change">Alters the machine, which must fit the saved one, before it is made.</param>
    public static async Task<DebianGuest> RestoreAsync(
        DebianImage image, int cpus, SavedMachine saved, IReadOnlyList<RestoreDisk> disks, Func<MachineDefinition, MachineDefinition> change)
    {
        var process = await HypervisorProcess.StartAsync();
        try
        {
            await process.Client.ConfigureAsync(change(Define(image, cpus, process)), TestContext.Current.CancellationToken);
            await saved.LoadAsync(process.Client, disks);
            var guest = new DebianGuest(process, await GuestConsole.AttachAsync(process.Client));
            await process.Client.ResumeAsync(TestContext.Current.CancellationToken);
            return guest;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the shell's first prompt after a boot.</summary>
    /// <param name="from">Where in the console's text to look from.</param>
    public Task WaitForShellAsync(int from = 0) => _console.WaitForAsync("^(debian:~|root@\\(none\\):/)# ", from, BootDeadline);

    /// <summary>Waits for text on the console; returns where the match ends.</summary>
    public Task<int> WaitForTextAsync(string pattern, int from = 0, TimeSpan? deadline = null) =>
        _console.WaitForAsync(pattern, from, deadline ?? CommandDeadline);

    /// <summary>Runs a shell command and returns what it printed, which must end with a line feed.</summary>
    /// <exception cref="InvalidOperationException">It ended with another status than 0.</exception>
    public async Task<string> RunAsync(string command, TimeSpan? deadline = null)
    {
        var (status, output) = await TryAsync(command, deadline);
        return status == 0 ? output : throw new InvalidOperationException($"'{command}' ended with status {status} and printed:\n{output}");
    }

    /// <summary>Runs a shell command; returns its exit status and what it printed.</summary>
    public async Task<(int Status, string Output)> TryAsync(string command, TimeSpan? deadline = null)
    {
        // The markers are spelt so that the echo of the command line does not contain them.
        var number = ++_commands;
        var start = _console.Text.Length;
        await _console.TypeAsync($"echo '<<'{number}; {command}; echo '>>'$? {number}\r");
        var begin = await _console.WaitForAsync($"^<<{number}\n", start, deadline ?? CommandDeadline);
        var end = await _console.WaitForAsync($"^>>\\d+ {number}\n", begin, deadline ?? CommandDeadline);
        var output = _console.Text[begin..end];
        var match = Regex.Match(output, $@"^>>(\d+) {number}\n\z", RegexOptions.Multiline | RegexOptions.CultureInvariant);
        return (int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture), output[..match.Index]);
    }

    /// <summary>Types a command that ends the shell, such as <c>poweroff</c>.</summary>
    public Task TypeAsync(string command) => _console.TypeAsync(command + "\r");

    /// <summary>Kernel messages of level 4 (warning) and worse, without their time stamps.</summary>
    public async Task<string[]> ReadWarningsAsync() => KernelLog.Warnings(await RunAsync("dmesg -r"));

    /// <summary>Waits until the Hypervisor process has ended, as it does with its machine, and returns its exit record.</summary>
    public async Task<ExitRecord> WaitForEndAsync()
    {
        await _process.WaitForExitAsync();
        var record = await File.ReadAllBytesAsync(_process.ExitRecordPath, TestContext.Current.CancellationToken);
        return JsonSerializer.Deserialize(record, ControlJsonContext.Default.ExitRecord)!;
    }

    private static MachineDefinition Define(DebianImage image, int cpus, HypervisorProcess process) => new()
    {
        VmId = Guid.CreateVersion7(),
        HostProfile = new HostProfileDefinition { Name = "max-pow2" },
        CpuCount = cpus,
        MemoryMiB = 256,
        SveEnabled = true,
        Boot = new BootSource { KernelPath = image.KernelPath, InitrdPath = image.InitrdPath, CommandLine = image.CommandLine },
        ConsoleLogPath = process.ConsoleLogPath,
        ExitRecordPath = process.ExitRecordPath,
    };

    /// <summary>Kills the Hypervisor (on disposal), as a crash would, and cleans up after it.</summary>
    public async ValueTask DisposeAsync()
    {
        await _console.DisposeAsync();
        await _process.DisposeAsync();
    }
}
