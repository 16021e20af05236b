using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace CloudVm.Benchmarks;

/// <summary>A machine in a process of its own, ours or QEMU's, with its console on standard input and output.</summary>
internal sealed class EmulatedMachine : IAsyncDisposable
{
    private const string CommandLine = "console=ttyAMA0";
    private const string Prompt = "debian:~# ";

    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly Task _reading;
    private int _seen;

    private EmulatedMachine(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        _reading = ReadAsync();
    }

    public int ProcessId => _process.Id;

    /// <summary>CPU time of the process so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts the Hypervisor of the build that <c>CLOUDVM_TEST_BUILD</c> names.</summary>
    public static EmulatedMachine StartOurs(GuestImage image, int cpus, int memoryMiB)
    {
        string build = Environment.GetEnvironmentVariable("CLOUDVM_TEST_BUILD") is { Length: > 0 } given
            ? given
            : throw new InvalidOperationException("CLOUDVM_TEST_BUILD is not set; run ./cloudvm bench.");
        return new EmulatedMachine(new ProcessStartInfo(Path.Combine(build, "Hypervisor", "CloudVm.Hypervisor"),
        [
            "run", "--kernel", image.KernelPath, "--initrd", image.InitrdPath, "--append", CommandLine,
            "--cpus", Text(cpus), "--memory", Text(memoryMiB),
        ]));
    }

    /// <summary>Starts Debian's QEMU on the same files: its <c>virt</c> board, every CPU feature, and the fast pointer authentication.</summary>
    public static EmulatedMachine StartQemu(GuestImage image, int cpus, int memoryMiB) => new(new ProcessStartInfo("qemu-system-aarch64",
    [
        "-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on", "-nographic", "-nic", "none", "-kernel", image.KernelPath,
        "-initrd", image.InitrdPath, "-append", CommandLine, "-smp", Text(cpus), "-m", Text(memoryMiB),
    ]));

    /// <summary>Waits for the shell's next prompt and returns what was printed before it.</summary>
    /// <exception cref="TimeoutException">It did not come; the message has the console's text.</exception>
    public async Task<string> WaitForPromptAsync(CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Deadline);
        while (true)
        {
            lock (_output)
            {
                string text = _output.ToString(_seen, _output.Length - _seen);
                int prompt = text.IndexOf("\n" + Prompt, StringComparison.Ordinal);
                if (prompt >= 0)
                {
                    _seen += prompt + Prompt.Length;
                    return text[..prompt];
                }

                if (_reading.IsCompleted)
                    throw new InvalidOperationException($"The machine ended early:\n{text}");
            }

            try
            {
                await _changed.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"No prompt within {Deadline}:\n{_output}");
            }
        }
    }

    /// <summary>Runs a command at the prompt and returns what it printed, its echo included.</summary>
    public async Task<string> RunAsync(string command, CancellationToken cancellationToken)
    {
        await _process.StandardInput.WriteAsync((command + "\n").AsMemory(), cancellationToken);
        await _process.StandardInput.FlushAsync(cancellationToken);
        return await WaitForPromptAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
        _changed.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task ReadAsync()
    {
        char[] buffer = new char[4096];
        int count;
        while ((count = await _process.StandardOutput.ReadAsync(buffer)) > 0)
        {
            lock (_output)
                _output.Append(Regex.Replace(new string(buffer, 0, count), @"\r|\x1b\[6n", ""));
            _changed.Release();
        }

        _changed.Release();
    }
}
