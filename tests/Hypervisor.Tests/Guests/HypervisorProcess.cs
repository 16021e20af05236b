using System.Diagnostics;
using CloudVm.Contracts.Control;

namespace CloudVm.Hypervisor.Tests.Guests;

/// <summary>A real Hypervisor process with its own folder and socket, ended and cleaned up on disposal.</summary>
internal sealed class HypervisorProcess : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _folder;

    private HypervisorProcess(Process process, string folder, string socket)
    {
        _process = process;
        _folder = folder;
        Client = new HypervisorClient(socket, epoch: 1);
    }

    public HypervisorClient Client { get; }

    public int ProcessId => _process.Id;

    public string ExitRecordPath => Path.Combine(_folder, "exit.json");

    public string ConsoleLogPath => Path.Combine(_folder, "console.log");

    /// <summary>Starts a process and returns when it answers on its socket.</summary>
    public static async Task<HypervisorProcess> StartAsync()
    {
        var ct = TestContext.Current.CancellationToken;
        var folder = Directory.CreateTempSubdirectory("cvm-").FullName;
        var socket = Path.Combine(folder, "s");
        var process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "CloudVm.Hypervisor"))
        {
            ArgumentList = { "serve", "--socket", socket, "--dir", folder },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        }) ?? throw new InvalidOperationException("The Hypervisor did not start.");
        var output = new ProcessOutput(process);
        var hypervisor = new HypervisorProcess(process, folder, socket);
        var started = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await hypervisor.Client.HelloAsync(ct);
                return hypervisor;
            }
            catch (HttpRequestException) when (started.Elapsed < Deadline && !process.HasExited)
            {
                await Task.Delay(20, ct);
            }
            catch (HttpRequestException failure)
            {
                await hypervisor.DisposeAsync();
                throw new InvalidOperationException($"The Hypervisor does not answer; it printed:\n{output.Text}", failure);
            }
        }
    }

    /// <summary>Starts a process, defines hello-sve's machine in it and attaches to its console; the machine does not run yet.</summary>
    public static async Task<(HypervisorProcess Process, GuestConsole Console)> ConfigureAsync(HelloSveMachine machine)
    {
        var ct = TestContext.Current.CancellationToken;
        var process = await StartAsync();
        try
        {
            await process.Client.ConfigureAsync(machine.ToDefinition(process), ct);
            return (process, await GuestConsole.AttachAsync(process.Client));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the process to end by itself.</summary>
    public async Task WaitForExitAsync()
    {
        using var timeout = new CancellationTokenSource(Deadline);
        await _process.WaitForExitAsync(timeout.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Drains a child's output, so that it never blocks on a full pipe, and keeps it for messages.</summary>
    private sealed class ProcessOutput
    {
        private readonly Lock _lock = new();
        private readonly List<string> _lines = [];

        public ProcessOutput(Process process)
        {
            process.OutputDataReceived += Add;
            process.ErrorDataReceived += Add;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        public string Text
        {
            get
            {
                lock (_lock)
                    return string.Join('\n', _lines);
            }
        }

        private void Add(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null)
                return;
            lock (_lock)
                _lines.Add(line.Data);
        }
    }
}
